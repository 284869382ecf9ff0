import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { start, until } from "./suites/cli.ts"

describe("effect-livekit join", () => {
  it.live("shows who comes, says and goes, and sends what is typed", () =>
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const key = ["--api-key", server.apiKey, "--api-secret", server.apiSecret, "--room", "hall"]
      const alice = start("join", server.url, ...key, "--identity", "alice")
      yield* Effect.promise(() => until(alice, /joined hall as alice .*nobody else is here/))
      const bob = start("join", server.url, ...key, "--identity", "bob", "--topic", "greetings")
      yield* Effect.promise(() => until(bob, /joined hall as bob .*here: alice\n[^]*\/quit/))
      yield* Effect.promise(() => until(alice, /bob is here/))
      bob.process.stdin?.write("hello \u001b[2J\n/who\n")
      // What others say cannot steer the terminal.
      yield* Effect.promise(() => until(alice, /bob \[greetings\]: hello {2}\[2J\n/))
      yield* Effect.promise(() => until(bob, /here: alice\n$/))
      bob.process.stdin?.write("bye\n/quit\n")
      assert.strictEqual(yield* Effect.promise(() => bob.exit), 0)
      yield* Effect.promise(() => until(alice, /bob \[greetings\]: bye\n[^]*bob left/))
      alice.process.kill("SIGINT")
      assert.strictEqual(yield* Effect.promise(() => alice.exit), 0)
      assert.strictEqual(alice.errors() + bob.errors(), "")
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  it.live("delivers all that is piped into it before it leaves", () =>
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const key = ["--api-key", server.apiKey, "--api-secret", server.apiSecret, "--room", "hall"]
      const alice = start("join", server.url, ...key, "--identity", "alice")
      yield* Effect.promise(() => until(alice, /joined hall as alice/))
      const bob = start("join", server.url, ...key, "--identity", "bob")
      const long = "x".repeat(60_000)
      bob.process.stdin?.end(Array.from({ length: 30 }, (_, index) => `${index} ${long}\n`).join(""))
      assert.strictEqual(yield* Effect.promise(() => bob.exit), 0)
      yield* Effect.promise(() => until(alice, /bob left/))
      const numbers = [...alice.output().matchAll(/^bob \[chat\]: (\d+) x+$/gm)].map(([, number]) => Number(number))
      assert.deepStrictEqual(
        numbers,
        Array.from({ length: 30 }, (_, index) => index)
      )
      alice.process.kill("SIGINT")
      yield* Effect.promise(() => alice.exit)
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  it.live("says in one line why it cannot, and leaves with 1", () =>
    Effect.gen(function* () {
      for (const [args, says] of [
        [["ws://127.0.0.1:9", "--token", "abc"], /cannot reach ws:\/\/127\.0\.0\.1:9/],
        [["ws://127.0.0.1:9"], /--token, or --api-key and --api-secret/],
        [["ws://127.0.0.1:9", "--api-key", "a"], /go together/]
      ] as const) {
        const child = start("join", ...args)
        assert.strictEqual(yield* Effect.promise(() => child.exit), 1)
        assert.match(child.errors(), /^effect-livekit: [^\n]+\n$/)
        assert.match(child.errors(), says)
      }
    })
  )
})
