/**
 * What an engine does when its platform says that something happened, on a server, a network and a clock in memory.
 */
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { PlatformEvents } from "effect-livekit"
import { SimNetwork, TestServer, VirtualTime } from "effect-livekit/testing"
import { count, join, last, say, test } from "./suites/inMemory.ts"

const { elapse } = VirtualTime

/** A platform that says what a test lets it say. */
const makePlatform = () => {
  const listeners = new Set<(event: PlatformEvents.PlatformEvent) => void>()
  return {
    listeners,
    say: (event: PlatformEvents.PlatformEvent) =>
      Effect.sync(() => {
        for (const listener of listeners) listener(event)
      }),
    source: {
      subscribe: (listener: (event: PlatformEvents.PlatformEvent) => void) => {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      }
    }
  }
}

const joinOn = (platform: ReturnType<typeof makePlatform>, identity: string) =>
  join(identity).pipe(Effect.provideService(PlatformEvents.PlatformEvents, platform.source))

describe("a hint of the platform", () => {
  for (const hint of ["Offline", "Online", "Awake"] as const) {
    test(
      `drops nothing of a connection that stands (${hint})`,
      Effect.gen(function* () {
        const platform = makePlatform()
        const alice = yield* joinOn(platform, "alice")
        const bob = yield* join("bob")
        yield* platform.say(hint)
        yield* elapse("5 seconds")
        yield* say(alice, "still here")
        yield* elapse("1 second")
        assert.deepStrictEqual(bob.received, ["still here"])
        assert.strictEqual(count(alice, "SignalConnected"), 1)
      })
    )

    test(
      `has a connection whose server does not answer taken up again after two seconds (${hint})`,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const platform = makePlatform()
        const alice = yield* joinOn(platform, "alice")
        yield* faults.stallSignal("alice")
        yield* platform.say(hint)
        yield* elapse("1900 millis")
        assert.strictEqual(count(alice, "Resuming"), 0)
        yield* elapse("1 second")
        assert.strictEqual(count(alice, "Resumed"), 1)
        assert.strictEqual(last(alice, "Resuming")?.cause._tag, "Requested")
      })
    )
  }

  test(
    "says nothing of a connection that took the place of the one that was asked",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const platform = makePlatform()
      const alice = yield* joinOn(platform, "alice")
      // A tab that was frozen is told so before it hears that its socket is closed.
      yield* platform.say("Awake")
      yield* faults.dropSignal("alice")
      yield* elapse("10 seconds")
      assert.strictEqual(count(alice, "Resuming"), 1)
      assert.strictEqual(count(alice, "Resumed"), 1)
      assert.strictEqual(last(alice, "Resuming")?.cause._tag, "SignalEnded")
    })
  )

  for (const [hint, isHeeded] of [
    ["Online", true],
    ["Awake", true],
    ["Offline", false]
  ] as const) {
    test(
      `${isHeeded ? "ends" : "does not end"} the wait for the next attempt (${hint})`,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const platform = makePlatform()
        const alice = yield* joinOn(platform, "alice")
        yield* faults.refuseDials
        yield* faults.dropSignal("alice")
        // By now the engine waits some seconds between attempts; the last of these seconds says when it last tried.
        yield* elapse("40 seconds")
        yield* faults.acceptDials
        yield* platform.say(hint)
        yield* elapse("200 millis")
        assert.strictEqual((yield* alice.engine.state) === "Connected", isHeeded)
        yield* elapse("10 seconds")
        assert.strictEqual(yield* alice.engine.state, "Connected")
      })
    )
  }

  test(
    "is one probe, however often it comes",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const platform = makePlatform()
      const alice = yield* joinOn(platform, "alice")
      yield* faults.stallSignal("alice")
      for (const hint of ["Offline", "Online", "Awake", "Online"] as const) yield* platform.say(hint)
      yield* elapse("10 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )

  test(
    "finds a media path that is down while the server answers",
    Effect.gen(function* () {
      const network = yield* SimNetwork.SimNetwork
      const platform = makePlatform()
      const alice = yield* joinOn(platform, "alice")
      const { media } = yield* network.paths("alice")
      yield* media.set({ isDown: true })
      yield* elapse("7 seconds")
      assert.strictEqual(count(alice, "Resuming"), 0)
      yield* platform.say("Awake")
      yield* elapse("100 millis")
      assert.strictEqual(count(alice, "Resuming"), 1)
      yield* media.set({ isDown: false })
      yield* elapse("5 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
    })
  )
})

describe("the end of the program", () => {
  test(
    "ends the connection, and the server hears that it was meant",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const platform = makePlatform()
      const alice = yield* joinOn(platform, "alice")
      const bob = yield* join("bob")
      yield* platform.say("Ending")
      yield* elapse("50 millis")
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
      assert.strictEqual(last(alice, "Disconnected")?.error, undefined)
      assert.isTrue(
        last(bob, "ParticipantsUpdated")?.participants.some(
          ({ identity, state }) => identity === "alice" && state === 3
        )
      )
    })
  )

  test(
    "is heard by nobody once the engine's scope has closed",
    Effect.gen(function* () {
      const platform = makePlatform()
      const scope = yield* Scope.make()
      yield* joinOn(platform, "alice").pipe(Scope.provide(scope))
      assert.strictEqual(platform.listeners.size, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(platform.listeners.size, 0)
    })
  )
})
