/**
 * What becomes of sessions: who is let in again, who is given up and when. On sockets and peer connections in memory.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  AddTrackRequest,
  DisconnectReason,
  LeaveRequest,
  LeaveRequest_Action,
  MuteTrackRequest,
  type ParticipantInfo,
  ParticipantInfo_State,
  PublishDataTrackResponse,
  RequestResponse_Reason,
  SessionDescription,
  SimulateScenario,
  SyncState,
  TrackInfo,
  TrackPublishedResponse,
  TrackType,
  UpdateParticipantMetadata
} from "@livekit/protocol"
import { Effect, type Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { type FakeSignal, fakePeers, makeServer, type Message } from "./suites/roomServer.ts"

type Provided = Layer.Success<ReturnType<typeof fakePeers>>

const withRuntime =
  (iceRestart: boolean) => (name: string, test: Effect.Effect<void, unknown, Scope.Scope | Provided>) =>
    it.effect(name, () => test.pipe(Effect.provide(fakePeers({ iceRestart }))))
/** On a runtime that can restart ICE, unless that is the point. */
const on = withRuntime(true)
const onWithoutRestart = withRuntime(false)

const updatesIn = (messages: ReadonlyArray<Message>): ReadonlyArray<ReadonlyArray<ParticipantInfo>> =>
  messages.flatMap((message) => (message.case === "update" ? [message.value.participants] : []))
const statesIn = (messages: ReadonlyArray<Message>) =>
  updatesIn(messages).flatMap((participants) => participants.map(({ identity, state }) => [identity, state] as const))
const leavesIn = (messages: ReadonlyArray<Message>) =>
  messages.flatMap((message) => (message.case === "leave" ? [message.value] : []))

const leftWith = Effect.fnUntraced(function* (signal: FakeSignal, expected: Partial<LeaveRequest>) {
  const [leave, ...more] = leavesIn(yield* signal.said)
  assert.deepInclude(leave, expected)
  assert.deepStrictEqual(more, [])
  assert.strictEqual(signal.closeCode(), 1000)
})

const { ACTIVE, DISCONNECTED } = ParticipantInfo_State
const { CONNECTION_TIMEOUT, JOIN_FAILURE, SERVER_SHUTDOWN, STATE_MISMATCH } = DisconnectReason
const { DISCONNECT, RECONNECT, RESUME } = LeaveRequest_Action

describe("a participant", () => {
  on(
    "is active when its primary peer connection is, and everybody is told",
    Effect.gen(function* () {
      const { join } = yield* makeServer()
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      yield* bob.signal.said
      yield* alice.publisher.become("connected")
      assert.deepStrictEqual(yield* bob.signal.cases, [])
      yield* alice.signal.said
      yield* alice.connect
      for (const { signal } of [alice, bob]) {
        assert.deepStrictEqual(statesIn(yield* signal.said), [["alice", ACTIVE]])
      }
    })
  )

  on(
    "has a minute to connect its media",
    Effect.gen(function* () {
      const { join, joined, present } = yield* makeServer()
      const late = yield* join("late")
      const bob = yield* joined("bob")
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* present, ["late", "bob"])
      yield* late.signal.said
      yield* TestClock.adjust("1 seconds")
      yield* leftWith(late.signal, { action: DISCONNECT, reason: JOIN_FAILURE })
      assert.deepStrictEqual(yield* present, ["bob"])
      assert.isUndefined(bob.signal.closeCode())
    })
  )

  on(
    "goes with its signal before its media ever connected",
    Effect.gen(function* () {
      const { join, present } = yield* makeServer()
      const alice = yield* join("alice")
      yield* alice.publisher.become("connected")
      yield* alice.signal.lose
      assert.deepStrictEqual(yield* present, [])
    })
  )

  on(
    "is the only one of its identity, however many dial at once",
    Effect.gen(function* () {
      const { dial, present } = yield* makeServer()
      const dials = yield* Effect.all(
        Array.from({ length: 5 }, () => dial("alice")),
        { concurrency: "unbounded" }
      )
      const remaining = dials.filter((signal) => signal.closeCode() === undefined)
      assert.strictEqual(remaining.length, 1)
      assert.deepStrictEqual(yield* present, ["alice"])
      for (const signal of dials) {
        const reasons = leavesIn(yield* signal.said).map(({ reason }) => reason)
        assert.deepStrictEqual(reasons, remaining.includes(signal) ? [] : [DisconnectReason.DUPLICATE_IDENTITY])
      }
    })
  )

  on(
    "that leaves is gone once, whatever happens to its signal and media then",
    Effect.gen(function* () {
      const { join, joined } = yield* makeServer()
      const bob = yield* joined("bob")
      const alice = yield* join("alice")
      yield* bob.signal.said
      const leave = { case: "leave", value: new LeaveRequest() } as const
      yield* Effect.all([alice.signal.request(leave), alice.signal.request(leave), alice.signal.lose], {
        concurrency: "unbounded"
      })
      yield* alice.subscriber.become("failed")
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(statesIn(yield* bob.signal.said), [["alice", DISCONNECTED]])
    })
  )

  on(
    "that has gone stays so, even if its media connects only then",
    Effect.gen(function* () {
      const { join, joined } = yield* makeServer()
      const bob = yield* joined("bob")
      const alice = yield* join("alice")
      yield* alice.signal.request({ case: "leave", value: new LeaveRequest() })
      yield* alice.subscriber.become("connected")
      assert.deepStrictEqual(statesIn(yield* bob.signal.said).at(-1), ["alice", DISCONNECTED])
    })
  )

  on(
    "that is told to go closes its peer connections before the server does, or is given a second",
    Effect.gen(function* () {
      const { joined, server } = yield* makeServer()
      const alice = yield* joined("alice")
      const bob = yield* joined("bob")
      for (const { identity } of [alice, bob]) yield* server.faults.leave(identity, new LeaveRequest())
      yield* alice.signal.said
      const closed = () => [alice.publisher.isClosed(), bob.publisher.isClosed()]
      assert.deepStrictEqual(closed(), [false, false])
      yield* alice.subscriber.become("closed")
      assert.deepStrictEqual(closed(), [true, false])
      yield* TestClock.adjust("1 second")
      yield* bob.signal.said
      assert.deepStrictEqual(closed(), [true, true])
    })
  )

  on(
    "lives on without a signal for as long as its media does",
    Effect.gen(function* () {
      const { joined, present, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* alice.signal.lose
      yield* TestClock.adjust("10 hours")
      assert.deepStrictEqual(yield* present, ["alice"])
      assert.strictEqual((yield* (yield* resume("alice")).cases)[0], "reconnect")
    })
  )

  on(
    "whose media fails is asked to resume, and removed 5 seconds later if it does not",
    Effect.gen(function* () {
      const { joined, present } = yield* makeServer()
      const bob = yield* joined("bob")
      const alice = yield* joined("alice")
      yield* alice.subscriber.become("failed")
      yield* leftWith(alice.signal, { action: RESUME, reason: CONNECTION_TIMEOUT })
      yield* TestClock.adjust("2 seconds")
      yield* alice.publisher.become("failed")
      yield* alice.signal.lose
      yield* TestClock.adjust(2_999)
      assert.deepStrictEqual(yield* present, ["bob", "alice"])
      yield* bob.signal.said
      yield* TestClock.adjust(1)
      const [[gone] = []] = updatesIn(yield* bob.signal.said)
      assert.deepInclude(gone, { identity: "alice", state: DISCONNECTED, disconnectReason: CONNECTION_TIMEOUT })
      assert.deepStrictEqual(yield* present, ["bob"])
    })
  )

  on(
    "that resumes with an ICE restart stays",
    Effect.gen(function* () {
      const { joined, present, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* alice.subscriber.become("failed")
      yield* TestClock.adjust("3 seconds")
      const signal = yield* resume("alice")
      assert.strictEqual(alice.subscriber.restarts(), 1)
      yield* TestClock.adjust("1 second")
      yield* alice.subscriber.become("failed")
      yield* leftWith(signal, { action: RESUME, reason: CONNECTION_TIMEOUT })
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(yield* present, ["alice"])
      yield* resume("alice")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* present, ["alice"])
    })
  )

  onWithoutRestart(
    "whose media failed starts over where nothing can restart it, and resumes otherwise",
    Effect.gen(function* () {
      const { joined, present, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* alice.signal.lose
      assert.notInclude(yield* (yield* resume("alice")).cases, "offer")
      yield* alice.subscriber.become("failed")
      yield* leftWith(yield* resume("alice"), { action: RECONNECT, reason: STATE_MISMATCH })
      assert.deepStrictEqual(yield* present, [])
    })
  )

  on(
    "without media and signal is gone after 20 seconds",
    Effect.gen(function* () {
      const { joined, present } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* alice.signal.lose
      yield* alice.subscriber.become("disconnected")
      yield* TestClock.adjust(19_999)
      assert.deepStrictEqual(yield* present, ["alice"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* present, [])
    })
  )

  on(
    "whose media comes back within 15 seconds notices nothing",
    Effect.gen(function* () {
      const { joined, present } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* alice.subscriber.become("disconnected")
      yield* TestClock.adjust("10 seconds")
      yield* alice.subscriber.become("connected")
      yield* alice.subscriber.become("disconnected")
      yield* TestClock.adjust("10 seconds")
      yield* alice.subscriber.become("connected")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(leavesIn(yield* alice.signal.said), [])
      assert.deepStrictEqual(yield* present, ["alice"])
    })
  )

  on(
    "that knows no actions is asked to resume by the close alone",
    Effect.gen(function* () {
      const { joined } = yield* makeServer()
      const alice = yield* joined("alice", { protocol: 12 })
      yield* alice.subscriber.become("failed")
      assert.deepStrictEqual(leavesIn(yield* alice.signal.said), [])
      assert.strictEqual(alice.signal.closeCode(), 1000)
    })
  )

  on(
    "gets a token every five minutes",
    Effect.gen(function* () {
      const { joined } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* TestClock.adjust("299 seconds")
      assert.deepStrictEqual(yield* alice.signal.cases, [])
      yield* TestClock.adjust("301 seconds")
      assert.deepStrictEqual(yield* alice.signal.cases, ["refreshToken", "refreshToken"])
    })
  )

  on(
    "that does not answer an offer for 15 seconds starts over, if it is connected",
    Effect.gen(function* () {
      const { join, joined, present, resume } = yield* makeServer()
      yield* join("unconnected")
      const alice = yield* joined("alice")
      yield* alice.signal.lose
      const signal = yield* resume("alice")
      yield* TestClock.adjust("14999 millis")
      assert.deepStrictEqual(leavesIn(yield* signal.said), [])
      yield* TestClock.adjust("1 millis")
      yield* leftWith(signal, { action: RECONNECT, reason: STATE_MISMATCH })
      assert.deepStrictEqual(yield* present, ["unconnected"])
    })
  )

  on(
    "is heard only with the answer to the offer that is out",
    Effect.gen(function* () {
      const { joined, present, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      assert.strictEqual(alice.subscriber.remote.length, 1)
      yield* alice.signal.lose
      const signal = yield* resume("alice")
      const answer = (id: number) =>
        signal.request({ case: "answer", value: new SessionDescription({ type: "answer", sdp: `${id}`, id }) })
      yield* answer(1)
      yield* answer(3)
      assert.strictEqual(alice.subscriber.remote.length, 1)
      yield* answer(2)
      yield* answer(2)
      assert.deepStrictEqual(alice.subscriber.remote.slice(1), [{ type: "answer", sdp: "2" }])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* present, ["alice"])
    })
  )
})

describe("a resume", () => {
  on(
    "is told what was received, who left, who is there, and then gets a token and an offer",
    Effect.gen(function* () {
      const { joined, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      const early = yield* joined("early")
      const bob = yield* joined("bob")
      yield* TestClock.adjust("1 second")
      yield* early.signal.request({ case: "leave", value: new LeaveRequest() })
      yield* TestClock.adjust("1 second")
      yield* alice.signal.request({ case: "ping", value: 1n })
      yield* TestClock.adjust("1 second")
      yield* bob.signal.request({ case: "leave", value: new LeaveRequest() })
      yield* joined("carol")
      yield* alice.signal.lose
      const said = yield* (yield* resume("alice", { sid: "PA_wrong" })).said
      assert.deepStrictEqual(
        said.map((message) => message.case),
        ["reconnect", "update", "update", "roomUpdate", "refreshToken", "offer"]
      )
      assert.deepStrictEqual(statesIn(said), [
        ["bob", DISCONNECTED],
        ["alice", ACTIVE],
        ["carol", ACTIVE]
      ])
    })
  )

  on(
    "hears nothing of who left when it knows no such update",
    Effect.gen(function* () {
      const { joined, resume } = yield* makeServer()
      const alice = yield* joined("alice", { protocol: 8 })
      const bob = yield* joined("bob")
      yield* alice.signal.lose
      yield* bob.signal.request({ case: "leave", value: new LeaveRequest() })
      assert.deepStrictEqual(statesIn(yield* (yield* resume("alice")).said), [["alice", ACTIVE]])
    })
  )

  on(
    "takes the place of the socket before, whose end means nothing any more",
    Effect.gen(function* () {
      const { joined, present, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      const second = yield* resume("alice")
      yield* second.said
      assert.strictEqual(alice.signal.closeCode(), 1000)
      yield* alice.signal.request({ case: "leave", value: new LeaveRequest() })
      yield* second.request({ case: "ping", value: 1n })
      assert.deepStrictEqual(yield* second.cases, ["pong"])
      assert.deepStrictEqual(yield* present, ["alice"])
    })
  )

  on(
    "is heard after a signal that was stalled",
    Effect.gen(function* () {
      const { faults, joined, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* faults.stallSignal("alice")
      yield* alice.signal.request({ case: "ping", value: 1n })
      assert.deepStrictEqual(yield* alice.signal.cases, [])
      const second = yield* resume("alice")
      assert.strictEqual((yield* second.cases)[0], "reconnect")
      yield* second.request({ case: "ping", value: 1n })
      assert.deepStrictEqual(yield* second.cases, ["pong"])
    })
  )

  on(
    "is refused once when that is asked for, and the session is over",
    Effect.gen(function* () {
      const { faults, joined, present, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* faults.refuseNextResume("alice")
      yield* leftWith(yield* resume("alice"), { action: RECONNECT, reason: STATE_MISMATCH })
      assert.deepStrictEqual(yield* present, [])
      assert.strictEqual(alice.signal.closeCode(), 1000)
    })
  )

  on(
    "goes on with tracks that the server knows, and starts over with others",
    Effect.gen(function* () {
      const { joined, present } = yield* makeServer()
      const published = (sid: string | undefined) =>
        new TrackPublishedResponse(sid === undefined ? {} : { track: new TrackInfo({ sid }) })
      const known = yield* joined("known")
      yield* known.signal.request({ case: "addTrack", value: new AddTrackRequest({ cid: "c", type: TrackType.AUDIO }) })
      const [answer] = yield* known.signal.said
      const sid = answer?.case === "trackPublished" ? answer.value.track?.sid : undefined
      assert.isDefined(sid)
      yield* known.signal.request({ case: "syncState", value: new SyncState({ publishTracks: [published(sid)] }) })
      assert.deepStrictEqual(yield* present, ["known"])
      for (const state of [
        { publishTracks: [published("TR_unknown")] },
        { publishTracks: [published(undefined)] },
        { publishDataTracks: [new PublishDataTrackResponse()] }
      ]) {
        const alice = yield* joined("alice")
        yield* alice.signal.request({ case: "syncState", value: new SyncState(state) })
        yield* leftWith(alice.signal, { action: RECONNECT, reason: STATE_MISMATCH })
        assert.deepStrictEqual(yield* present, ["known"])
      }
    })
  )
})

describe("updates of others", () => {
  on(
    "are collected for as long as the server is told to, and say the last state only",
    Effect.gen(function* () {
      const { joined, join } = yield* makeServer({ updateInterval: 3_000 })
      const alice = yield* joined("alice")
      yield* TestClock.setTime(3_000)
      yield* alice.signal.said
      const bob = yield* join("bob")
      yield* bob.connect
      yield* join("carol")
      yield* TestClock.setTime(5_999)
      assert.notInclude(yield* alice.signal.cases, "update")
      yield* TestClock.adjust(1)
      const said = (yield* alice.signal.said).filter((message) => message.case === "update")
      assert.strictEqual(said.length, 1)
      assert.deepStrictEqual(statesIn(said), [
        ["bob", ACTIVE],
        ["carol", ParticipantInfo_State.JOINED]
      ])
      yield* TestClock.adjust("30 seconds")
      assert.notInclude(yield* alice.signal.cases, "update")
    })
  )
})

describe("a participant that mutes", () => {
  on(
    "a track it does not have is told so",
    Effect.gen(function* () {
      const { joined } = yield* makeServer()
      const alice = yield* joined("alice")
      const value = new MuteTrackRequest({ sid: "TR_unknown", muted: true })
      yield* alice.signal.request({ case: "mute", value })
      const [answer] = yield* alice.signal.said
      assert.isTrue(answer?.case === "requestResponse" && answer.value.reason === RequestResponse_Reason.NOT_FOUND)
    })
  )
})

describe("what a participant says of itself", () => {
  const update = (signal: FakeSignal, value: Partial<UpdateParticipantMetadata>) =>
    Effect.andThen(
      signal.request({ case: "updateMetadata", value: new UpdateParticipantMetadata({ requestId: 7, ...value }) }),
      signal.said
    )
  const reasonsIn = (messages: ReadonlyArray<Message>) =>
    messages.flatMap((message) =>
      message.case === "requestResponse" ? [[message.value.requestId, message.value.reason] as const] : []
    )
  const { LIMIT_EXCEEDED, NOT_ALLOWED, OK } = RequestResponse_Reason

  on(
    "is told to itself and to others, and what it leaves empty stays",
    Effect.gen(function* () {
      const { joined } = yield* makeServer()
      const grant = { canUpdateOwnMetadata: true, name: "Alice", attributes: { a: "1", b: "2" } }
      const alice = yield* joined("alice", { grant })
      const bob = yield* joined("bob")
      yield* alice.signal.said
      const answers = yield* update(alice.signal, { metadata: "tired", attributes: { b: "", c: "3" } })
      assert.deepStrictEqual(reasonsIn(answers), [[7, OK]])
      for (const messages of [answers, yield* bob.signal.said]) {
        const [first, second] = updatesIn(messages).flat()
        assert.deepInclude(first, { name: "Alice", metadata: "tired", attributes: { a: "1", b: "2" } })
        assert.deepInclude(second, { name: "Alice", metadata: "tired", attributes: { a: "1", c: "3" } })
      }
    })
  )

  on(
    "is not heard without the grant, nor beyond the limits (M2)",
    Effect.gen(function* () {
      const { joined } = yield* makeServer()
      const alice = yield* joined("alice", { grant: { canUpdateOwnMetadata: true } })
      const bob = yield* joined("bob")
      yield* alice.signal.said
      for (const [signal, value, reason] of [
        [bob.signal, { metadata: "tired" }, NOT_ALLOWED],
        [alice.signal, { name: "n".repeat(257) }, LIMIT_EXCEEDED],
        [alice.signal, { metadata: "m".repeat(512 * 1024 + 1) }, LIMIT_EXCEEDED],
        [alice.signal, { attributes: { key: "a".repeat(64 * 1024) } }, LIMIT_EXCEEDED]
      ] as const) {
        const answers = yield* update(signal, value)
        assert.deepStrictEqual(reasonsIn(answers), [[7, reason]])
        assert.deepStrictEqual(updatesIn([...answers, ...(yield* alice.signal.said)]), [])
      }
    })
  )

  on(
    "keeps it out when it is too much from the start",
    Effect.gen(function* () {
      const { dial } = yield* makeServer()
      const refusal = yield* Effect.flip(dial("alice", {}, { metadata: "m".repeat(512 * 1024 + 1) }))
      assert.deepInclude(refusal, { status: 500, body: "connection closed by media" })
    })
  )
})

describe("a client may ask for", () => {
  const simulate = (signal: FakeSignal, scenario: NonNullable<SimulateScenario["scenario"]>) =>
    signal.request({ case: "simulate", value: new SimulateScenario({ scenario }) })

  on(
    "the server's leave",
    Effect.gen(function* () {
      const { joined, present } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* simulate(alice.signal, { case: "serverLeave", value: true })
      yield* leftWith(alice.signal, { action: DISCONNECT, reason: SERVER_SHUTDOWN })
      assert.deepStrictEqual(yield* present, [])
    })
  )

  for (const scenario of ["nodeFailure", "migration"] as const) {
    on(
      `${scenario}, which is a close without a leave`,
      Effect.gen(function* () {
        const { joined, present } = yield* makeServer()
        const alice = yield* joined("alice")
        yield* simulate(alice.signal, { case: scenario, value: true })
        assert.deepStrictEqual(yield* alice.signal.cases, [])
        assert.strictEqual(alice.signal.closeCode(), 1000)
        assert.deepStrictEqual(yield* present, [])
      })
    )
  }

  on(
    "a full reconnect, and gets nothing",
    Effect.gen(function* () {
      const { joined } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* simulate(alice.signal, { case: "leaveRequestFullReconnect", value: true })
      assert.deepStrictEqual(yield* alice.signal.cases, [])
      assert.isUndefined(alice.signal.closeCode())
    })
  )

  on(
    "a close right after the next resume, within 5 seconds",
    Effect.gen(function* () {
      const { joined, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      const scenario = { case: "disconnectSignalOnResume", value: true } as const
      yield* simulate(alice.signal, scenario)
      const second = yield* resume("alice")
      assert.include(yield* second.cases, "update")
      assert.strictEqual(second.closeCode(), 1000)
      const third = yield* resume("alice")
      assert.isUndefined(third.closeCode())
      yield* simulate(third, scenario)
      yield* TestClock.adjust(5_001)
      assert.isUndefined((yield* resume("alice")).closeCode())
    })
  )

  on(
    "a resume that fails before the upgrade, within 5 seconds",
    Effect.gen(function* () {
      const { joined, resume } = yield* makeServer()
      const alice = yield* joined("alice")
      yield* simulate(alice.signal, { case: "disconnectSignalOnResumeNoMessages", value: true })
      const refusal = yield* Effect.flip(resume("alice"))
      assert.deepInclude(refusal, { status: 500, body: "connection closed by media" })
      const signal = yield* resume("alice")
      assert.strictEqual((yield* signal.cases)[0], "reconnect")
      yield* simulate(signal, { case: "disconnectSignalOnResumeNoMessages", value: true })
      yield* TestClock.adjust(5_001)
      assert.strictEqual((yield* (yield* resume("alice")).cases)[0], "reconnect")
    })
  )
})
