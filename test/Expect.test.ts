/**
 * Expectations of a test, what they say when they fail, and time that passes until they are met.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Ref, type Scope } from "effect"
import { Packet, SignalError } from "effect-livekit"
import {
  Expect,
  ExpectationFailed,
  History,
  type SimNetwork,
  TestRTCEngine,
  TestServer,
  VirtualTime
} from "effect-livekit/testing"

const test = <A, E>(
  name: string,
  body: Effect.Effect<A, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>
) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer())))

const rejected = new SignalError.SignalError({ reason: new SignalError.Rejected({ status: 401, body: "no" }) })

const now = Clock.currentTimeMillis

describe("Expect.eventually", () => {
  test(
    "lets time pass until the check succeeds, and no longer",
    Effect.gen(function* () {
      const isDone = yield* Ref.make(false)
      yield* Effect.forkScoped(Effect.delay(Ref.set(isDone, true), "7 seconds"))
      yield* Expect.eventually("it is done", Ref.get(isDone))
      const at = yield* now
      assert.isTrue(at >= 7_000 && at < 7_200, `${at}`)
      assert.strictEqual(yield* Expect.eventually("a value", Effect.succeed("value")), "value")
    })
  )

  test(
    "tells the last failure and the history when time is up",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* TestRTCEngine.join("alice")
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      const check = Effect.map(alice.state, (state) => assert.strictEqual(state, "Connected"))
      const error = yield* Effect.flip(Expect.eventually("alice is back", check, { within: "3 seconds" }))
      assert.instanceOf(error, ExpectationFailed)
      assert.strictEqual(yield* now, 3_000)
      const lines = error.message.split("\n")
      assert.deepStrictEqual(lines.slice(0, 2), [
        "not within 3s: alice is back",
        "expected 'Resuming' to equal 'Connected'"
      ])
      assert.match(error.message, /^ +0\.000 s {2}server {2}drops the signal of alice$/m)
      assert.match(error.message, /^ +0\.000 s {2}alice {3}Resuming: the signal connection was closed \(code 1006\)$/m)
      assert.match(error.message, /^ +[12]\.\d{3} s {2}server {2}does not listen at livekit\.test for alice$/m)
    })
  )

  test(
    "takes failures of any kind for not yet, and gives up on an interruption",
    Effect.gen(function* () {
      const tries = yield* Ref.make(0)
      const check = Effect.flatMap(
        Ref.updateAndGet(tries, (count) => count + 1),
        (count) =>
          count === 1
            ? Effect.fail("a failure")
            : count === 2
              ? Effect.die(new Error("a defect"))
              : Effect.succeed(count)
      )
      assert.strictEqual(yield* Expect.eventually("the third try", check), 3)
      const exit = yield* Effect.exit(Expect.eventually("nothing", Effect.interrupt))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })
  )
})

describe("Expect.event", () => {
  test(
    "reads the events of each participant in order, those of before too",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      yield* TestRTCEngine.join("alice")
      yield* TestRTCEngine.join("bob")
      for (let round = 0; round < 2; round++) {
        yield* faults.dropSignal("alice")
        yield* VirtualTime.elapse("2 seconds")
      }
      assert.strictEqual((yield* Expect.event("alice", "Connected")).evidence.path, "v1")
      yield* Expect.event("alice", "Resuming")
      yield* Expect.event("alice", "Resumed")
      yield* Expect.event("alice", "Resumed")
      assert.strictEqual(yield* now, 4_000)
      const third = yield* Effect.flip(Expect.event("alice", "Resumed", { within: "5 seconds" }))
      assert.include(third.message, "not within 5s: alice says Resumed")
      assert.strictEqual(yield* now, 9_000)
      yield* Expect.event("bob", "Connected")
    })
  )
})

describe("Expect.never", () => {
  test(
    "lets the time pass when nothing happens, and fails at once when it does",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      yield* TestRTCEngine.join("alice")
      yield* Expect.never("alice", "Resuming", { during: "10 seconds" })
      assert.strictEqual(yield* now, 10_000)
      yield* Effect.forkScoped(Effect.delay(faults.dropSignal("alice"), "4 seconds"))
      const error = yield* Effect.flip(Expect.never("alice", "Resuming", { during: "10 seconds" }))
      assert.include(error.message, "alice does not say Resuming")
      assert.strictEqual(yield* now, 14_000)
    })
  )
})

describe("a failed assertion", () => {
  it.effect("shows the history too, whatever failed", () =>
    Effect.gen(function* () {
      const failing = <A, E>(failure: Effect.Effect<A, E>) =>
        Effect.andThen(TestRTCEngine.join("alice"), failure).pipe(
          Effect.scoped,
          Effect.provide(TestServer.layer()),
          Effect.exit,
          Effect.map((exit) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined))
        )
      const asserted = yield* failing(Effect.sync(() => assert.fail("three is not four")))
      assert.isTrue(asserted instanceof Error && asserted.name === "AssertionError")
      assert.match(String(asserted), /three is not four\n\n +0\.000 s {2}alice {3}asks to join at livekit\.test/)
      const error = yield* failing(Effect.fail(rejected))
      assert.match(String(error), /refused the token \(401\): no\n\n +0\.000 s/)
      const expected = yield* failing(Expect.eventually("nothing", Effect.succeed(false)))
      assert.lengthOf(String(expected).match(/asks to join/g) ?? [], 1)
    })
  )
})

describe("History", () => {
  test(
    "says what engines, server and network did, and many packets in one line",
    Effect.gen(function* () {
      const { network } = yield* TestServer.TestServer
      const history = yield* History.History
      const alice = yield* TestRTCEngine.join("alice")
      yield* TestRTCEngine.join("bob")
      yield* network.set("bob", { latency: 10 }, { path: "media" })
      for (let index = 1; index <= 200; index++) yield* alice.sendData(Packet.user(`packet ${index}`))
      yield* VirtualTime.elapse("1 second")
      history.record("test", "is over")
      const lines = History.render(history.entries()).split("\n")
      assert.deepStrictEqual(
        lines.slice(-3).map((line) => line.trim()),
        [
          '0.000 s  network  bob has {"latency":10} (media)',
          '0.000 s  server   receives from alice, reliable 200: "packet 200" (200 times)',
          "1.000 s  test     is over"
        ]
      )
    })
  )

  test(
    "keeps the latest thousand entries and shows the latest thirty",
    Effect.gen(function* () {
      const history = yield* History.History
      for (let index = 1; index <= 1_500; index++) history.record("test", `entry ${index}`)
      const entries = history.entries()
      assert.lengthOf(entries, 1_000)
      assert.strictEqual(entries[0]?.what, "entry 501")
      const shown = History.render(entries).split("\n")
      assert.strictEqual(shown[0], "(970 earlier entries)")
      assert.lengthOf(shown, 31)
    })
  )

  it.effect("remembers nothing where no layer keeps it", () =>
    Effect.map(History.History, (history) => {
      history.record("test", "is over")
      assert.deepStrictEqual(history.entries(), [])
    })
  )
})

describe("VirtualTime.advancing", () => {
  test(
    "stops the clock where the effect ends",
    Effect.gen(function* () {
      const slept = yield* VirtualTime.advancing(Effect.as(Effect.sleep("1 hour"), "slept"), { within: "2 hours" })
      assert.strictEqual(slept, "slept")
      assert.strictEqual(yield* now, 3_600_000)
    })
  )

  test(
    "fails, and names what did not end, when it takes too long",
    Effect.gen(function* () {
      const options = { what: "the end of the world", within: "3 seconds" } as const
      const error = yield* Effect.flip(VirtualTime.advancing(Effect.never, options))
      assert.include(error.message, "not within 3s: the end of the world")
      assert.strictEqual(yield* now, 3_000)
      yield* Effect.flip(VirtualTime.advancing(Effect.never))
      assert.strictEqual(yield* now, 603_000)
    })
  )

  test(
    "works while time is passing already",
    Effect.gen(function* () {
      yield* Effect.forkScoped(VirtualTime.elapse("1 hour"))
      yield* VirtualTime.advancing(Effect.sleep("90 minutes"), { within: "2 hours" })
      assert.strictEqual(yield* now, 5_400_000)
    })
  )
})

describe("on a clock that is not a test's", () => {
  it.live("expectations wait, and time passes by itself", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* TestRTCEngine.join("alice")
      yield* server.faults.dropSignal("alice")
      yield* Expect.event("alice", "Resumed")
      yield* alice.sendData(Packet.user("1"))
      assert.deepStrictEqual(yield* server.received(1), ["1"])
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )
})
