/**
 * The engine on a server, a network and a clock in memory.
 */
import { assert, describe } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Effect, Fiber, Scope, Stream } from "effect"
import { TestRTCEngine, TestServer, SimNetwork, VirtualTime } from "effect-livekit/testing"
import { count, failToConnect, join, last, meet, say, test } from "./suites/inMemory.ts"

const { elapse } = VirtualTime

for (const mode of ["single", "dual"] as const) {
  for (const iceRestart of [true, false]) {
    const title = `${mode} peer connection, ${iceRestart ? "with" : "without"} ICE restart`
    const options = { mode, iceRestart }
    const canResume = mode === "single" || iceRestart

    describe(title, () => {
      test(
        "delivers what is said during an outage of the signal connection once and in order",
        Effect.gen(function* () {
          const { alice, bob, faults } = yield* meet(options)
          yield* say(alice, "1", "2")
          yield* faults.refuseDials
          yield* faults.dropSignal("alice")
          yield* elapse("3 seconds")
          yield* say(alice, "3", "4")
          yield* say(bob, "a")
          yield* faults.acceptDials
          yield* elapse("10 seconds")
          yield* say(alice, "5")
          yield* elapse("1 second")
          assert.deepStrictEqual(bob.received, ["1", "2", "3", "4", "5"])
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.strictEqual(count(alice, "Resumed"), canResume ? 1 : 0)
          if (canResume) assert.deepStrictEqual(alice.received, ["a"])
        })
      )

      test(
        "comes back after nothing got through for 40 s, with all that was said",
        Effect.gen(function* () {
          const { alice, bob, network } = yield* meet(options)
          yield* say(alice, "1")
          yield* elapse("1 second")
          yield* network.cutOff("alice")
          yield* say(alice, "2")
          yield* elapse("40 seconds")
          assert.notStrictEqual(yield* alice.engine.state, "Connected")
          yield* say(alice, "3")
          yield* network.restore("alice")
          yield* elapse("15 seconds")
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.deepStrictEqual(bob.received, ["1", "2", "3"])
          assert.strictEqual(count(alice, "Disconnected"), 0)
        })
      )

      test(
        "joins a server that was killed and started again, and says what is in doubt",
        Effect.gen(function* () {
          const { alice, bob, faults } = yield* meet(options)
          yield* say(alice, "1")
          yield* elapse("1 second")
          yield* faults.stop
          yield* elapse("2 seconds")
          yield* say(alice, "2")
          yield* faults.start
          yield* elapse("20 seconds")
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.strictEqual(yield* bob.engine.state, "Connected")
          assert.strictEqual(count(alice, "Reconnected"), 1)
          assert.deepStrictEqual(bob.received, ["1", "2"])
          assert.isDefined(last(alice, "InDoubt"))
        })
      )

      test(
        "comes back when only the media path is gone for 40 s",
        Effect.gen(function* () {
          const { alice, bob, media } = yield* meet(options)
          yield* media.set({ isDown: true })
          yield* say(alice, "1")
          yield* elapse("40 seconds")
          assert.notStrictEqual(yield* alice.engine.state, "Connected")
          yield* media.set({ isDown: false })
          yield* elapse("20 seconds")
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.deepStrictEqual(bob.received, ["1"])
        })
      )
    })
  }
}

describe("giving up", () => {
  test(
    "says once, with the first cause, that a minute of outage was too long",
    Effect.gen(function* () {
      const network = yield* SimNetwork.SimNetwork
      const alice = yield* join("alice")
      yield* network.cutOff("alice")
      yield* elapse("90 seconds")
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      assert.strictEqual(count(alice, "Disconnected"), 1)
      const reason = last(alice, "Disconnected")?.error?.reason
      assert.strictEqual(reason?._tag, "ReconnectExhausted")
      yield* elapse("10 minutes")
      assert.strictEqual(count(alice, "Disconnected"), 1)
    })
  )

  test(
    "ends at once when the server says goodbye",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const leave = { reason: DisconnectReason.PARTICIPANT_REMOVED, action: LeaveRequest_Action.DISCONNECT }
      yield* faults.leave("alice", new LeaveRequest(leave))
      yield* elapse("100 millis")
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      assert.strictEqual(last(alice, "Disconnected")?.reason, DisconnectReason.PARTICIPANT_REMOVED)
    })
  )

  test(
    "ends at once when its token is no longer good",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* faults.rejectNextDial(401, "invalid authorization token")
      yield* faults.dropSignal("alice")
      yield* elapse("2 seconds")
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      assert.deepInclude(last(alice, "Disconnected")?.error?.reason, { _tag: "Rejected", status: 401 })
      assert.strictEqual(count(alice, "Disconnected"), 1)
    })
  )
})

describe("connecting", () => {
  test(
    "is not connected while no media gets through, and says so after its time",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const network = yield* SimNetwork.SimNetwork
      const { media } = yield* network.paths("alice")
      yield* media.set({ isDown: true })
      const { engine, failure } = yield* failToConnect("alice")
      yield* elapse("10 seconds")
      assert.strictEqual(yield* engine.state, "Connecting")
      yield* elapse("20 seconds")
      const { reason } = yield* failure
      assert.strictEqual(reason._tag, "IceTimeout")
      assert.strictEqual(yield* engine.state, "Disconnected")
      yield* elapse("1 second")
      assert.deepStrictEqual(yield* server.participants("room"), [])
    })
  )

  test(
    "ends as a connection whoever disconnects as soon as it is said to stand",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const engine = yield* TestRTCEngine.make("alice")
      const events = yield* engine.subscribeEvents
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* engine.stateChanges.pipe(
        Stream.filter((state) => state === "Connected"),
        Stream.take(1),
        Stream.runForEach(() => engine.disconnect),
        Effect.forkScoped
      )
      const connecting = yield* Effect.forkScoped(engine.connect({ url: server.url, token }))
      yield* elapse("1 second")
      yield* Fiber.join(connecting)
      const told = yield* Stream.fromSubscription(events).pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.takeUntil((tag) => tag === "Disconnected" || tag === "FailedToConnect"),
        Stream.runCollect
      )
      assert.deepStrictEqual(told.slice(-1), ["Disconnected"])
    })
  )

  for (const [how, fault] of [
    ["Resumed", (faults: TestServer.Faults) => faults.dropSignal("alice")],
    ["Reconnected", (faults: TestServer.Faults) => faults.closeChannel("alice", "reliable")]
  ] as const) {
    test(
      `says that it is ${how} also to who disconnects as soon as the state says so`,
      Effect.gen(function* () {
        const { alice, faults } = yield* meet()
        yield* alice.engine.stateChanges.pipe(
          Stream.filter((state) => state === "Connected"),
          Stream.take(2),
          Stream.drop(1),
          Stream.runForEach(() => alice.engine.disconnect),
          Effect.forkScoped
        )
        yield* fault(faults)
        yield* elapse("5 seconds")
        assert.deepStrictEqual([count(alice, how), count(alice, "Disconnected")], [1, 1])
      })
    )
  }

  test(
    "leaves nothing in its scope when it fails, nor does publishing, however often they are tried there",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const { alice } = yield* meet()
      const engine = yield* TestRTCEngine.make("carol")
      const token = yield* server.token({ identity: "carol", room: "room" })
      const scope = yield* Scope.make()
      const failsIn = <A, E>(attempt: Effect.Effect<A, E, Scope.Scope>) =>
        VirtualTime.advancing(Effect.flip(Scope.provide(attempt, scope)))
      yield* server.faults.refuseDials
      yield* failsIn(engine.connect({ url: server.url, token }))
      yield* failsIn(engine.connect({ url: server.url, token }))
      yield* failsIn(alice.engine.publishTrack({ id: "foreign", kind: "audio", enabled: true }))
      assert.strictEqual(scope.state._tag, "Empty")
    })
  )

  test(
    "says goodbye after a resume as before one (S76)",
    Effect.gen(function* () {
      const { alice, bob, faults } = yield* meet()
      yield* faults.dropSignal("alice")
      yield* elapse("5 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
      yield* alice.engine.disconnect
      yield* elapse("100 millis")
      const [left] = last(bob, "ParticipantsUpdated")?.participants ?? []
      assert.deepInclude(left, { identity: "alice", disconnectReason: DisconnectReason.CLIENT_INITIATED })
    })
  )

  test(
    "joins an older server by its own route",
    Effect.gen(function* () {
      const { alice, bob } = yield* meet()
      yield* say(alice, "1")
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["1"])
      assert.strictEqual(last(alice, "Connected")?.evidence.path, "v0")
    }),
    { hasV1: false }
  )
})
