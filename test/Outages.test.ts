/**
 * Outages on a network and a clock in memory: every leave in every phase, long silences, and every moment of an interruption.
 */
import { assert, describe, it } from "@effect/vitest"
import { type DataPacket, DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Duration, Effect, Exit, Fiber, Schedule, Scope } from "effect"
import { EngineConfig, Packet, ReconnectPolicy } from "effect-livekit"
import { SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { count, failToConnect, join, last, meet, type Participant, say, tags, test } from "./suites/inMemory.ts"

const { elapse } = VirtualTime

/** 500 numbers, one every 8 ms of the test's time. */
const total = 500
const sending = (from: Participant) =>
  Effect.forkScoped(
    Effect.forEach(
      Array.from({ length: total }, (_, index) => String(index)),
      (text) => Effect.andThen(say(from, text), Effect.sleep(8)),
      { discard: true }
    )
  )
const all = Array.from({ length: total }, (_, index) => String(index))

const isOncePerNumberInOrder = ({ received }: Participant) => {
  const numbers = received.map(Number)
  assert.isTrue(
    numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? -1)),
    "nothing came twice or out of order"
  )
}

/** Tries at once, and then so seldom that much can change meanwhile. */
const patient = Schedule.forever.pipe(
  Schedule.modifyDelay(({ attempt }) => Effect.succeed(attempt === 1 ? Duration.zero : Duration.seconds(15)))
)

const leaves = {
  goodbye: { reason: DisconnectReason.PARTICIPANT_REMOVED, action: LeaveRequest_Action.DISCONNECT },
  reconnect: { reason: DisconnectReason.STATE_MISMATCH, action: LeaveRequest_Action.RECONNECT },
  resume: { reason: DisconnectReason.MIGRATION, action: LeaveRequest_Action.RESUME }
} as const

const leaveOf = (kind: keyof typeof leaves) => new LeaveRequest(leaves[kind])

/** Alice says hello to a server that was killed and started again; carol comes back to it, and bob does not. */
const withoutBob = Effect.gen(function* () {
  const { alice, faults, network } = yield* meet()
  const carol = yield* join("carol")
  yield* network.cutOff("bob")
  yield* faults.stop
  yield* elapse("100 millis")
  yield* say(alice, "hello")
  yield* faults.start
  return { alice, carol }
})

/** Alice sends all the time, and is back at a server that was killed and started again when bob is not. */
const backBeforeBob = Effect.gen(function* () {
  const met = yield* meet()
  yield* sending(met.alice)
  yield* elapse("1 second")
  yield* met.faults.stop
  yield* elapse("300 millis")
  yield* met.network.cutOff("bob")
  yield* met.faults.start
  yield* elapse("1 second")
  return met
})

describe("a server that was killed", () => {
  test(
    "hears nothing until those are back who were there, so that nothing is said to an empty room",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* backBeforeBob
      assert.strictEqual(yield* alice.engine.state, "Connected")
      assert.notStrictEqual(yield* bob.engine.state, "Connected")
      yield* network.restore("bob")
      yield* elapse("10 seconds")
      assert.deepStrictEqual(bob.received, all)
    })
  )

  test(
    "hears nothing until then over cuts of the signal either",
    Effect.gen(function* () {
      const { alice, bob, faults, network } = yield* backBeforeBob
      for (const resumes of [1, 2]) {
        yield* faults.dropSignal("alice")
        yield* elapse("500 millis")
        assert.strictEqual(count(alice, "Resumed"), resumes)
      }
      yield* network.restore("bob")
      yield* elapse("10 seconds")
      assert.deepStrictEqual(bob.received, all)
    })
  )

  test(
    "hears what is said to the others 3 s after, when somebody does not come back",
    Effect.gen(function* () {
      const { alice, carol } = yield* withoutBob
      yield* elapse("2500 millis")
      assert.strictEqual(count(alice, "Reconnected"), 1)
      assert.deepStrictEqual(carol.received, [])
      yield* elapse("1 second")
      assert.deepStrictEqual(carol.received, ["hello"])
    })
  )

  it.effect("hears at once what is said by who waits for nobody", () =>
    Effect.gen(function* () {
      const { carol } = yield* withoutBob
      yield* elapse("2 seconds")
      assert.deepStrictEqual(carol.received, ["hello"])
    }).pipe(
      Effect.scoped,
      Effect.provide(TestServer.layer()),
      Effect.provideService(EngineConfig.EngineConfig, { ...EngineConfig.defaults, rejoinTimeout: 0 })
    )
  )
})

describe("a leave", () => {
  for (const kind of ["goodbye", "reconnect", "resume"] as const) {
    test(
      `of the kind ${kind} while connected is acted on at once`,
      Effect.gen(function* () {
        const { alice, bob, faults } = yield* meet()
        yield* sending(alice)
        yield* elapse("1 second")
        yield* faults.leave("alice", leaveOf(kind))
        yield* elapse("1 second")
        assert.strictEqual(yield* alice.engine.state, kind === "goodbye" ? "Disconnected" : "Connected")
        yield* elapse("10 seconds")
        isOncePerNumberInOrder(bob)
        if (kind === "goodbye") {
          assert.strictEqual(last(alice, "Disconnected")?.reason, DisconnectReason.PARTICIPANT_REMOVED)
          assert.strictEqual(count(alice, "Disconnected"), 1)
          assert.strictEqual(count(alice, "Reconnecting") + count(alice, "Resuming"), 0)
        } else {
          assert.deepStrictEqual(bob.received, all)
          assert.strictEqual(count(alice, kind === "resume" ? "Resumed" : "Reconnected"), 1)
        }
      })
    )

    test(
      `of the kind ${kind} that answers a resume is not forgotten`,
      Effect.gen(function* () {
        const { alice, bob, faults, signal } = yield* meet()
        yield* sending(alice)
        yield* signal.set({ latency: 100 })
        yield* elapse("1 second")
        yield* faults.dropSignal("alice")
        // The dial takes some of its round trips; the leave comes over the socket that it makes.
        yield* elapse("700 millis")
        yield* faults.leave("alice", leaveOf(kind))
        yield* elapse("15 seconds")
        isOncePerNumberInOrder(bob)
        if (kind === "goodbye") assert.isAtMost(count(alice, "Disconnected"), 1)
        else {
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.deepStrictEqual(bob.received, all)
        }
      })
    )

    test(
      `of the kind ${kind} during a full reconnect is acted on`,
      Effect.gen(function* () {
        const { alice, bob, faults, media } = yield* meet()
        yield* sending(alice)
        yield* elapse("1 second")
        yield* media.set({ isDown: true })
        yield* faults.refuseNextResume("alice")
        yield* faults.dropSignal("alice")
        yield* elapse("1 second")
        assert.strictEqual(yield* alice.engine.state, "Reconnecting")
        yield* faults.leave("alice", leaveOf(kind))
        yield* media.set({ isDown: false })
        yield* elapse("15 seconds")
        isOncePerNumberInOrder(bob)
        assert.strictEqual(yield* alice.engine.state, kind === "goodbye" ? "Disconnected" : "Connected")
        if (kind === "goodbye") {
          assert.strictEqual(last(alice, "Disconnected")?.reason, DisconnectReason.PARTICIPANT_REMOVED)
          assert.isAbove(last(alice, "Undelivered")?.unsent.length ?? 0, 0)
        } else assert.deepStrictEqual(bob.received, all)
      })
    )

    test(
      `of the kind ${kind} before the first media fails the connect with what it said`,
      Effect.gen(function* () {
        const server = yield* TestServer.TestServer
        const network = yield* SimNetwork.SimNetwork
        const { media } = yield* network.paths("alice")
        yield* media.set({ isDown: true })
        const { failure } = yield* failToConnect("alice")
        yield* elapse("1 second")
        yield* server.faults.leave("alice", leaveOf(kind))
        yield* elapse("1 second")
        assert.deepInclude((yield* failure).reason, { _tag: "Ended", why: leaves[kind].reason })
        assert.deepStrictEqual(yield* server.participants("room"), [])
      })
    )
  }

  test(
    "that asks for a resume while the next attempt is waited for ends the wait",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      yield* elapse("30 seconds")
      yield* faults.acceptDials
      yield* alice.engine.reconnectNow
      yield* elapse("200 millis")
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )
})

describe("a media path", () => {
  for (const iceRestart of [true, false]) {
    const title = iceRestart ? "with" : "without"
    for (const seconds of [4, 30]) {
      test(
        `that is blocked for ${seconds} s while the signal lives loses nothing that is sent, ${title} ICE restart`,
        Effect.gen(function* () {
          const { alice, bob, media } = yield* meet({ iceRestart })
          yield* sending(alice)
          yield* sending(bob)
          yield* elapse("1 second")
          yield* media.set({ isDown: true })
          yield* elapse(`${seconds} seconds`)
          yield* media.set({ isDown: false })
          yield* elapse("30 seconds")
          assert.strictEqual(yield* alice.engine.state, "Connected")
          assert.deepStrictEqual(bob.received, all)
          isOncePerNumberInOrder(alice)
          if (seconds === 4) {
            assert.deepStrictEqual(alice.received, all)
            assert.strictEqual(count(alice, "Resuming") + count(alice, "Reconnecting"), 0)
          }
        })
      )
    }
  }

  test(
    "that died with the signal is not taken for alive by its state: the session is joined anew when nothing answers",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const network = yield* SimNetwork.SimNetwork
      const alice = yield* join("alice", { iceRestart: false })
      const { media } = yield* network.paths("alice")
      yield* media.set({ isDown: true })
      yield* faults.dropSignal("alice")
      yield* elapse("3 seconds")
      assert.strictEqual(yield* alice.engine.state, "Resuming")
      yield* elapse("10 seconds")
      assert.strictEqual(count(alice, "Resumed"), 0)
      assert.strictEqual(yield* alice.engine.state, "Reconnecting")
      yield* media.set({ isDown: false })
      yield* elapse("20 seconds")
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )

  test(
    "that is back before a session is joined anew keeps the old one, and nobody was told otherwise",
    Effect.gen(function* () {
      const network = yield* SimNetwork.SimNetwork
      const alice = yield* join("alice", { iceRestart: false })
      const { media, signal } = yield* network.paths("alice")
      yield* media.set({ isDown: true })
      yield* signal.set({ isDown: true })
      yield* alice.engine.reconnectNow
      // Dialling takes 10 s, and then the path is dead too.
      yield* elapse("12 seconds")
      yield* media.set({ isDown: false })
      yield* signal.set({ isDown: false })
      yield* elapse("1 minute")
      assert.deepStrictEqual(
        tags(alice).filter((tag) => /^(Full)?Re(suming|connecting|sumed|connected)$/.test(tag)),
        ["Resuming", "Resumed"]
      )
    }).pipe(Effect.provide(ReconnectPolicy.layer({ ...ReconnectPolicy.byEvidence, schedule: patient })))
  )

  test(
    "that is down takes no lossy packets, and they are counted",
    Effect.gen(function* () {
      const { alice, bob, faults, media } = yield* meet()
      const lossy = (text: string) => alice.engine.sendData(Packet.user(text), { kind: "lossy" })
      yield* lossy("up")
      yield* elapse("1 second")
      yield* media.set({ isDown: true })
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      yield* elapse("12 seconds")
      const before = yield* alice.engine.counters
      yield* lossy("down")
      const after = yield* alice.engine.counters
      assert.strictEqual(after.lossyDropped - before.lossyDropped, 1)
      assert.strictEqual(after.lossySent, before.lossySent)
      yield* media.set({ isDown: false })
      yield* faults.acceptDials
      yield* elapse("20 seconds")
      yield* lossy("up again")
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["up", "up again"])
    })
  )
})

describe("a resume", () => {
  test(
    "does not hold up what is sent while the path is alive",
    Effect.gen(function* () {
      const { alice, bob, faults, media } = yield* meet()
      yield* media.set({ latency: 1_000 })
      yield* sending(alice)
      yield* elapse("2 seconds")
      const before = bob.received.length
      yield* faults.dropSignal("alice")
      yield* elapse("1900 millis")
      assert.strictEqual(yield* alice.engine.state, "Resuming", "the path has not answered yet")
      assert.isAbove(bob.received.length - before, 200)
      yield* elapse("10 seconds")
      assert.deepStrictEqual(bob.received, all)
      assert.strictEqual(count(alice, "Resumed"), 1)
    })
  )
})

/** Alice says "lost" before a full reconnect that loses it, and "after" then. */
const lostAndAfter = Effect.gen(function* () {
  const { alice, bob, faults, media } = yield* meet()
  yield* media.set({ isDown: true })
  yield* say(alice, "lost")
  yield* elapse("100 millis")
  yield* faults.refuseNextResume("alice")
  yield* faults.dropSignal("alice")
  yield* elapse("1 second")
  yield* media.set({ isDown: false })
  yield* elapse("10 seconds")
  yield* say(alice, "after")
  return { alice, bob }
})

describe("what is in doubt", () => {
  test(
    "is what may not have arrived: what was sent long before is neither doubted nor sent again",
    Effect.gen(function* () {
      const { alice, bob, faults } = yield* meet()
      yield* say(alice, "1", "2", "3")
      yield* elapse("10 minutes")
      yield* say(alice, "4")
      yield* elapse("1 second")
      yield* faults.refuseNextResume("alice")
      yield* faults.dropSignal("alice")
      yield* elapse("5 seconds")
      const inDoubt = last(alice, "InDoubt")
      assert.deepStrictEqual(inDoubt?.sequences, [4])
      assert.deepStrictEqual(
        inDoubt?.packets.map(({ value }) =>
          value.case === "user" ? new TextDecoder().decode(value.value.payload) : ""
        ),
        ["4"]
      )
      yield* say(alice, "5")
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["1", "2", "3", "4", "5"])
    })
  )

  test(
    "is nothing when the server says goodbye: it has what reached it",
    Effect.gen(function* () {
      const { alice, faults } = yield* meet()
      yield* say(alice, "1")
      yield* elapse("1 second")
      yield* faults.leave("alice", leaveOf("goodbye"))
      yield* elapse("1 second")
      assert.strictEqual(count(alice, "Disconnected"), 1)
      assert.strictEqual(count(alice, "Undelivered"), 0)
    })
  )

  test(
    "is what was sent before the machine slept, however long it did",
    Effect.gen(function* () {
      const { alice, bob, faults, media, network } = yield* meet()
      yield* media.set({ latency: 1_000 })
      yield* say(alice, "1")
      yield* elapse("100 millis")
      yield* faults.stop
      yield* network.sleep("alice")
      yield* faults.start
      yield* elapse("5 minutes")
      yield* media.set({ latency: 0 })
      yield* network.wake("alice")
      yield* elapse("10 seconds")
      assert.deepStrictEqual(last(alice, "InDoubt")?.sequences, [1])
      assert.deepStrictEqual(bob.received, ["1"])
    })
  )

  test(
    "is only reported where that is asked for",
    Effect.gen(function* () {
      const { alice, bob } = yield* lostAndAfter
      yield* elapse("1 second")
      assert.isFalse(last(alice, "InDoubt")?.resent)
      assert.deepStrictEqual(bob.received, ["after"])
    }).pipe(Effect.provideService(EngineConfig.EngineConfig, { ...EngineConfig.defaults, inDoubt: "report" }))
  )

  test(
    "and what was never sent is said when the connection is given up",
    Effect.gen(function* () {
      const network = yield* SimNetwork.SimNetwork
      const alice = yield* join("alice")
      yield* elapse("1 second")
      yield* network.cutOff("alice")
      yield* elapse("30 seconds")
      yield* say(alice, "1", "2")
      yield* elapse("60 seconds")
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      const undelivered = last(alice, "Undelivered")
      assert.strictEqual((undelivered?.unsent.length ?? 0) + (undelivered?.inDoubt.length ?? 0), 2)
      const order = tags(alice).filter((tag) => tag === "Undelivered" || tag === "Disconnected")
      assert.deepStrictEqual(order, ["Undelivered", "Disconnected"])
    })
  )
})

describe("what the application sends again itself", () => {
  const again = (from: Participant, packets: ReadonlyArray<DataPacket>) =>
    Effect.forEach(
      packets,
      ({ value }) => (value.case === undefined ? Effect.die("a packet without value") : from.engine.sendData(value)),
      { discard: true }
    )

  test(
    "of what is only reported arrives, though others went before it",
    Effect.gen(function* () {
      const { alice, bob } = yield* lostAndAfter
      yield* again(alice, last(alice, "InDoubt")?.packets ?? [])
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["after", "lost"])
    }).pipe(Effect.provideService(EngineConfig.EngineConfig, { ...EngineConfig.defaults, inDoubt: "report" }))
  )

  test(
    "in the next connection, of what the last one did not deliver, arrives, though others went before it",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const { alice, bob, network } = yield* meet()
      yield* network.cutOff("alice")
      yield* elapse("30 seconds")
      yield* say(alice, "1", "2")
      yield* alice.engine.disconnect
      yield* network.restore("alice")
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* Effect.forkScoped(alice.engine.connect({ url: server.url, token }))
      yield* elapse("10 seconds")
      yield* say(alice, "3")
      yield* again(alice, last(alice, "Undelivered")?.unsent ?? [])
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["3", "1", "2"])
    })
  )
})

describe("disconnecting with a flush", () => {
  test(
    "waits for an outage to end, and then for what was accepted",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* meet()
      yield* network.cutOff("alice")
      yield* elapse("2 seconds")
      yield* say(alice, "1", "2")
      const leaving = yield* Effect.forkScoped(alice.engine.disconnectAfterFlush("40 seconds"))
      yield* elapse("10 seconds")
      assert.deepStrictEqual(bob.received, [])
      yield* network.restore("alice")
      yield* elapse("30 seconds")
      assert.isTrue(yield* Fiber.join(leaving))
      assert.deepStrictEqual(bob.received, ["1", "2"])
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
    })
  )

  test(
    "gives up at its deadline, and says what was not delivered",
    Effect.gen(function* () {
      const network = yield* SimNetwork.SimNetwork
      const alice = yield* join("alice")
      yield* network.cutOff("alice")
      yield* elapse("30 seconds")
      yield* say(alice, "1")
      const leaving = yield* Effect.forkScoped(alice.engine.disconnectAfterFlush("5 seconds"))
      yield* elapse("6 seconds")
      assert.isFalse(yield* Fiber.join(leaving))
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      assert.strictEqual(last(alice, "Undelivered")?.unsent.length, 1)
      assert.strictEqual(last(alice, "Disconnected")?.error, undefined)
    })
  )

  test(
    "is done at once without a connection",
    Effect.gen(function* () {
      const engine = yield* TestRTCEngine.make("alice")
      assert.isTrue(yield* engine.disconnectAfterFlush("5 seconds"))
    })
  )
})

describe("who left during an outage", () => {
  for (const how of ["resumed", "joined anew"] as const) {
    test(
      `is reported as gone when the session is ${how}`,
      Effect.gen(function* () {
        const { alice, bob, faults } = yield* meet()
        if (how === "joined anew") yield* faults.refuseNextResume("alice")
        yield* faults.refuseDials
        yield* faults.dropSignal("alice")
        yield* elapse("1 second")
        yield* bob.engine.disconnect
        yield* elapse("1 second")
        yield* faults.acceptDials
        yield* elapse("5 seconds")
        assert.strictEqual(count(alice, how === "resumed" ? "Resumed" : "Reconnected"), 1)
        const gone = alice.events.flatMap((event) =>
          event._tag === "ParticipantsUpdated"
            ? event.participants.filter(({ identity, state }) => identity === "bob" && state === 3)
            : []
        )
        assert.strictEqual(gone.length, 1)
      })
    )
  }
})

describe("the limit of 60 s", () => {
  for (const hang of ["stallNextDial", "silenceFirstFrame"] as const) {
    test(
      `holds although every attempt hangs (${hang})`,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const alice = yield* join("alice")
        for (let index = 0; index < 50; index++) yield* faults[hang]
        yield* faults.dropSignal("alice")
        yield* elapse("59 seconds")
        assert.notStrictEqual(yield* alice.engine.state, "Disconnected")
        yield* elapse("2 seconds")
        assert.strictEqual(yield* alice.engine.state, "Disconnected")
        assert.strictEqual(count(alice, "Disconnected"), 1)
        assert.deepInclude(last(alice, "Disconnected")?.error?.reason, { _tag: "ReconnectExhausted", millis: 60_000 })
      })
    )
  }
})

describe("disconnecting ends within a second and leaves nothing", () => {
  const phases: Readonly<
    Record<string, (faults: TestServer.Faults, network: SimNetwork.SimNetwork["Service"]) => Effect.Effect<unknown>>
  > = {
    "in the back-off": (faults) => Effect.andThen(faults.refuseDials, faults.dropSignal("alice")),
    "in a dial": (faults) => Effect.andThen(faults.stallNextDial, faults.dropSignal("alice")),
    "before the first message": (faults) => Effect.andThen(faults.silenceFirstFrame, faults.dropSignal("alice")),
    "in the proof of a resume": (faults, network) =>
      network.paths("alice").pipe(
        Effect.flatMap(({ media }) => media.set({ isDown: true })),
        Effect.andThen(faults.dropSignal("alice"))
      ),
    "in the wait for a new peer connection": (faults, network) =>
      network.paths("alice").pipe(
        Effect.flatMap(({ media }) => media.set({ isDown: true })),
        Effect.andThen(faults.refuseNextResume("alice")),
        Effect.andThen(faults.dropSignal("alice"))
      )
  }
  for (const [name, cause] of Object.entries(phases)) {
    test(
      name,
      Effect.gen(function* () {
        const { faults, participants } = yield* TestServer.TestServer
        const network = yield* SimNetwork.SimNetwork
        const alice = yield* join("alice")
        yield* cause(faults, network)
        yield* elapse("2 seconds")
        assert.notStrictEqual(yield* alice.engine.state, "Connected")
        const leaving = yield* Effect.forkScoped(alice.engine.disconnect)
        yield* elapse("1 second")
        assert.isDefined(leaving.pollUnsafe())
        assert.strictEqual(yield* alice.engine.state, "Disconnected")
        assert.strictEqual(count(alice, "Disconnected"), 1)
        assert.strictEqual(last(alice, "Disconnected")?.error, undefined)
        yield* elapse("10 minutes")
        assert.strictEqual(count(alice, "Disconnected"), 1)
        assert.deepStrictEqual(yield* participants("room"), [])
      })
    )
  }

  test(
    "at any moment of a first join, by the end of its scope",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const network = yield* SimNetwork.SimNetwork
      const { media, signal } = yield* network.paths("alice")
      yield* signal.set({ latency: 10 })
      yield* media.set({ latency: 10 })
      for (let millis = 0; millis <= 200; millis += 5) {
        const engine = yield* TestRTCEngine.make("alice")
        const scope = yield* Scope.make()
        const token = yield* server.token({ identity: "alice", room: "room" })
        yield* engine.connect({ url: server.url, token }).pipe(Scope.provide(scope), Effect.forkScoped)
        yield* elapse(millis)
        const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
        yield* elapse("1 second")
        assert.isDefined(closing.pollUnsafe(), `after ${millis} ms`)
        assert.strictEqual(yield* engine.state, "Disconnected")
        assert.deepStrictEqual(yield* server.participants("room"), [], `after ${millis} ms`)
      }
    })
  )
})

describe("a policy of one's own", () => {
  test(
    "may resume for ever, or give up at the first loss",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* faults.dropSignal("alice")
      yield* elapse("1 second")
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      assert.deepInclude(last(alice, "Disconnected")?.error?.reason, { _tag: "SocketLost" })
    }).pipe(Effect.provide(ReconnectPolicy.layer({ ...ReconnectPolicy.byEvidence, decide: () => "GiveUp" })))
  )

  test(
    "of the reference tries one resume and then full reconnects",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* faults.rejectNextDial(500, "connection closed by media")
      yield* faults.dropSignal("alice")
      yield* elapse("50 millis")
      assert.strictEqual(yield* alice.engine.state, "Resuming")
      yield* elapse("100 millis")
      assert.strictEqual(count(alice, "FullReconnecting"), 0)
      yield* elapse("600 millis")
      assert.strictEqual(count(alice, "FullReconnecting"), 1)
      yield* elapse("5 seconds")
      assert.strictEqual(yield* alice.engine.state, "Connected")
      assert.strictEqual(last(alice, "Reconnected")?.attempts, 2)
    }).pipe(Effect.provide(ReconnectPolicy.layerReference))
  )
})
