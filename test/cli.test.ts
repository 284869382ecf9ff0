import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { RTCEngine } from "effect-livekit"
import { NodeRTCEngine } from "effect-livekit/node"
import { WebSocket } from "ws"
import { start, started } from "./suites/cli.ts"

describe("effect-livekit dev-server", () => {
  it("says how to reach it, and stops with 0 on Ctrl-C", async () => {
    const child = await started("--room", "hall")
    assert.match(child.output(), /LIVEKIT_URL=ws:\/\/127\.0\.0\.1:\d+/)
    assert.match(child.output(), /LIVEKIT_API_KEY=devkey\nLIVEKIT_API_SECRET=.{32,}\n/)
    child.process.kill("SIGINT")
    assert.strictEqual(await child.exit, 0)
    assert.strictEqual(child.errors(), "")
  })

  it("prints tokens that let in, for the room and by the key it was told", async () => {
    const key = ["--api-key", "mine", "--api-secret", "a-secret-of-my-own-0123456789-0123456789"]
    const child = await started("--room", "hall", ...key)
    assert.include(child.output(), "LIVEKIT_API_KEY=mine\nLIVEKIT_API_SECRET=a-secret-of-my-own-0123456789-0123456789")
    for (const identity of ["alice", "bob"]) {
      const response = await fetch(
        `http://127.0.0.1:${child.port()}/rtc/validate?access_token=${child.token(identity)}`
      )
      assert.deepStrictEqual([response.status, await response.text()], [200, "success"])
      const claims = JSON.parse(Buffer.from(child.token(identity).split(".")[1] ?? "", "base64url").toString("utf8"))
      assert.deepInclude(claims, { iss: "mine", sub: identity })
      assert.strictEqual(claims.video.room, "hall")
    }
    child.process.kill("SIGTERM")
    assert.strictEqual(await child.exit, 0)
  })

  it("stops on Ctrl-C with somebody in a room, however impatiently it is pressed", async () => {
    const child = await started()
    const socket = new WebSocket(`ws://127.0.0.1:${child.port()}/rtc?protocol=16&access_token=${child.token("alice")}`)
    const closed = new Promise<number>((resolve) => socket.once("close", resolve))
    await new Promise((resolve) => socket.once("message", resolve))
    child.process.kill("SIGINT")
    child.process.kill("SIGTERM")
    assert.strictEqual(await child.exit, 0)
    assert.strictEqual(await closed, 1006)
    assert.strictEqual(child.errors(), "")
  })

  it("stops on Ctrl-C with media connected", async () => {
    const child = await started()
    const session = Effect.gen(function* () {
      const engine = yield* RTCEngine.make
      const url = `ws://127.0.0.1:${child.port()}`
      yield* engine.connect({ url, token: Redacted.make(child.token("alice")) })
      child.process.kill("SIGINT")
      return yield* Effect.promise(() => child.exit)
    })
    const code = await Effect.runPromise(session.pipe(Effect.scoped, Effect.provide(NodeRTCEngine.layerServices)))
    assert.strictEqual(code, 0)
    assert.strictEqual(child.errors(), "")
  })

  it("explains itself when asked to, or told nothing", async () => {
    for (const args of [[], ["--help"]]) {
      const child = start(...args)
      assert.strictEqual(await child.exit, 0)
      for (const command of ["dev-server", "demo", "join", "doctor", "timeline"])
        assert.include(child.output(), command)
    }
    const child = start("dev-server", "--help")
    assert.strictEqual(await child.exit, 0)
    for (const flag of ["--port", "--api-key", "--api-secret", "--room"]) assert.include(child.output(), flag)
  })

  it("answers what it does not understand with one line and 1", async () => {
    const ports = ["x", "-1", "65536", "1.5"].map((port) => ["dev-server", `--port=${port}`])
    for (const args of [["dev-server", "--wrong"], ["nonsense"], ["dev-server", "twice"], ...ports]) {
      const child = start(...args)
      assert.strictEqual(await child.exit, 1)
      assert.match(child.errors(), /^effect-livekit: .+\n$/)
      assert.strictEqual(child.output(), "")
    }
  }, 20_000)

  it("says in one line that the port is in use, and leaves with 1", async () => {
    const first = await started()
    const second = start("dev-server", "--port", first.port())
    assert.strictEqual(await second.exit, 1)
    assert.strictEqual(second.errors(), `effect-livekit: cannot listen on port ${first.port()}: it is in use\n`)
    assert.strictEqual(second.output(), "")
    first.process.kill("SIGINT")
    assert.strictEqual(await first.exit, 0)
    // The port is free again at once.
    const third = await started("--port", first.port())
    third.process.kill("SIGINT")
    assert.strictEqual(await third.exit, 0)
  })
})
