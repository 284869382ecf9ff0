import {
  AddTrackRequest,
  LeaveRequest,
  LeaveRequest_Action,
  RequestResponse,
  RequestResponse_Reason,
  SignalResponse,
  TrackInfo,
  TrackPublishedResponse,
  TrackType
} from "@livekit/protocol"
import { assert, describe } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope } from "effect"
import type { EngineError } from "effect-livekit"
import { RtpTrack, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { count, join, last, type Participant, test as on } from "./suites/inMemory.ts"

const { elapse, settle } = VirtualTime

const microphone = (cid: string) => new AddTrackRequest({ cid, name: "microphone", type: TrackType.AUDIO })

/** In the background, as others go on meanwhile. */
const add = (participant: Participant, cid: string, options: { readonly retry?: boolean } = {}) =>
  Effect.tap(Effect.forkScoped(participant.engine.addTrack(microphone(cid), options)), settle)

const reasonOf = <A>(fiber: Fiber.Fiber<A, EngineError.EngineError>) =>
  Effect.map(Effect.flip(Fiber.join(fiber)), ({ reason }) => reason)

/** A server that hears and does not answer; what it says is up to the test. */
const silent = (
  name: string,
  body: (
    alice: Participant,
    server: TestServer.TestServer["Service"]
  ) => Effect.Effect<void, unknown, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>
) =>
  on(
    name,
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* server.faults.stallSignal("alice")
      yield* body(alice, server)
    }),
    // Without pings nothing but the call itself times out.
    { pingInterval: 0 }
  )

const say = (server: TestServer.TestServer["Service"], message: SignalResponse["message"]) =>
  Effect.andThen(server.faults.sendRaw("alice", new SignalResponse({ message }).toBinary()), settle)

const published = (cid: string, sid: string): SignalResponse["message"] => ({
  case: "trackPublished",
  value: new TrackPublishedResponse({ cid, track: new TrackInfo({ sid }) })
})

const refused = (cid: string, reason: RequestResponse_Reason, message = ""): SignalResponse["message"] => ({
  case: "requestResponse",
  value: new RequestResponse({ reason, message, request: { case: "addTrack", value: microphone(cid) } })
})

describe("addTrack", () => {
  on(
    "asks the server and gives the track as the server describes it; others hear of it with its media (S54, S58, S61, SC27)",
    Effect.gen(function* () {
      const alice = yield* join("alice")
      const bob = yield* join("bob")
      const source = yield* RtpTrack.source("opus")
      const adding = yield* add(alice, source.track.id)
      yield* elapse("1 second")
      const track = yield* Fiber.join(adding)
      assert.deepInclude(track, { name: "microphone", type: TrackType.AUDIO })
      assert.strictEqual(last(alice, "LocalTrackPublished")?.response.cid, source.track.id)
      const seen = () => last(bob, "ParticipantsUpdated")?.participants[0]?.tracks.map(({ sid }) => sid) ?? []
      assert.deepStrictEqual(seen(), [])
      yield* alice.engine.createSenderTransceiver(source.track)
      yield* elapse("1 second")
      assert.deepStrictEqual(seen(), [track.sid])
      assert.deepStrictEqual(
        (yield* alice.engine.publishedTracks).map(({ sid }) => sid),
        [track.sid]
      )
    })
  )

  silent(
    "lets one of two callers at once have a client id, and refuses the other at once (S53, S57)",
    (alice, server) =>
      Effect.gen(function* () {
        const all = yield* Effect.forEach([1, 2, 3], () => add(alice, "cid"))
        const done = all.flatMap((fiber) => fiber.pollUnsafe() ?? [])
        assert.strictEqual(done.length, 2)
        yield* say(server, published("cid", "TR_1"))
        const exits = yield* Effect.forEach(all, Fiber.await)
        assert.deepStrictEqual(exits.filter(Exit.isSuccess).length, 1)
        for (const fiber of all.slice(1))
          assert.deepInclude(yield* reasonOf(fiber), { _tag: "DuplicateTrack", cid: "cid" })
      })
  )

  silent("gives up after 20 s, and the client id is as good as new (S55, S56)", (alice, server) =>
    Effect.gen(function* () {
      const first = yield* add(alice, "cid")
      yield* elapse("19999 millis")
      assert.isUndefined(first.pollUnsafe())
      yield* elapse("1 millis")
      assert.deepInclude(yield* reasonOf(first), { _tag: "PublishTimeout", cid: "cid", millis: 20_000 })
      const second = yield* add(alice, "cid")
      yield* say(server, published("cid", "TR_2"))
      assert.strictEqual((yield* Fiber.join(second)).sid, "TR_2")
    })
  )

  silent("may be interrupted, and the client id is as good as new (S56)", (alice, server) =>
    Effect.gen(function* () {
      yield* Fiber.interrupt(yield* add(alice, "cid"))
      const again = yield* add(alice, "cid")
      yield* say(server, published("cid", "TR_3"))
      assert.strictEqual((yield* Fiber.join(again)).sid, "TR_3")
    })
  )

  silent("fails at once with the server's reason when it is refused (S60)", (alice, server) =>
    Effect.gen(function* () {
      for (const why of [
        RequestResponse_Reason.NOT_ALLOWED,
        RequestResponse_Reason.LIMIT_EXCEEDED,
        RequestResponse_Reason.UNSUPPORTED_TYPE
      ]) {
        const adding = yield* add(alice, "cid")
        yield* say(server, refused("cid", why, "said by the server"))
        assert.deepInclude(yield* reasonOf(adding), { _tag: "PublishRefused", why, detail: "said by the server" })
      }
      assert.strictEqual(count(alice, "RequestAnswered"), 3)
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )

  silent("goes on waiting when the request is queued, and ignores answers to others (S58, M1)", (alice, server) =>
    Effect.gen(function* () {
      const adding = yield* add(alice, "cid")
      yield* say(server, refused("cid", RequestResponse_Reason.QUEUED))
      yield* say(server, refused("cid", RequestResponse_Reason.OK))
      yield* say(server, refused("another", RequestResponse_Reason.NOT_ALLOWED))
      yield* say(server, published("another", "TR_0"))
      assert.isUndefined(adding.pollUnsafe())
      yield* say(server, published("cid", "TR_4"))
      assert.strictEqual((yield* Fiber.join(adding)).sid, "TR_4")
    })
  )

  silent("is aborted by the loss of the signal connection (S59)", (alice, server) =>
    Effect.gen(function* () {
      const adding = yield* Effect.forEach(["a", "b"], (cid) => add(alice, cid))
      yield* server.faults.dropSignal("alice")
      yield* settle
      for (const fiber of adding) assert.strictEqual((yield* reasonOf(fiber))._tag, "PublishAborted")
      yield* elapse("5 seconds")
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )

  silent("is aborted by any leave (S59)", (alice, server) =>
    Effect.gen(function* () {
      const adding = yield* add(alice, "cid")
      const value = new LeaveRequest({ action: LeaveRequest_Action.RESUME })
      yield* say(server, { case: "leave", value })
      assert.strictEqual((yield* reasonOf(adding))._tag, "PublishAborted")
    })
  )

  silent("is aborted when the application disconnects (S59)", (alice) =>
    Effect.gen(function* () {
      const adding = yield* add(alice, "cid")
      yield* alice.engine.disconnect
      assert.strictEqual((yield* reasonOf(adding))._tag, "PublishAborted")
    })
  )

  silent(
    "is aborted when the session is taken up again on another connection: its answer would have come over this one",
    (alice) =>
      Effect.gen(function* () {
        const adding = yield* add(alice, "cid")
        yield* alice.engine.reconnectNow
        yield* elapse("1 second")
        assert.deepInclude(yield* reasonOf(adding), { _tag: "PublishAborted", wasSent: true })
      })
  )

  silent("begins again, once, after the loss of the connection when asked to", (alice, server) =>
    Effect.gen(function* () {
      const adding = yield* add(alice, "cid", { retry: true })
      yield* server.faults.dropSignal("alice")
      yield* elapse("5 seconds")
      assert.strictEqual((yield* Fiber.join(adding)).name, "microphone")
    })
  )

  silent("begins again in the session that follows when the one it was asked in is over", (alice, server) =>
    Effect.gen(function* () {
      const adding = yield* add(alice, "cid", { retry: true })
      const given = yield* add(alice, "other")
      yield* server.faults.leave("alice", new LeaveRequest({ action: LeaveRequest_Action.RECONNECT }))
      yield* elapse("5 seconds")
      assert.strictEqual((yield* Fiber.join(adding)).name, "microphone")
      assert.deepInclude(yield* reasonOf(given), { _tag: "PublishAborted", wasSent: true })
    })
  )

  on(
    "outlives a session in which it was never sent",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* server.faults.stop
      yield* elapse("1 second")
      const adding = yield* add(alice, "cid")
      yield* server.faults.start
      yield* elapse("15 seconds")
      assert.strictEqual(count(alice, "Reconnected"), 1)
      assert.strictEqual((yield* Fiber.join(adding)).name, "microphone")
    })
  )

  on(
    "waits while the signal connection is away, and asks once it is back (S66)",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* server.faults.refuseDials
      yield* server.faults.dropSignal("alice")
      yield* elapse("1 second")
      const adding = yield* add(alice, "cid")
      yield* elapse("3 seconds")
      assert.isUndefined(adding.pollUnsafe())
      yield* server.faults.acceptDials
      yield* elapse("10 seconds")
      assert.strictEqual((yield* Fiber.join(adding)).name, "microphone")
    })
  )

  on(
    "fails at once without a connection, and without permission",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const engine = yield* TestRTCEngine.make("mute")
      assert.strictEqual((yield* Effect.flip(engine.addTrack(microphone("cid")))).reason._tag, "NotConnected")
      const token = yield* server.token({ identity: "mute", room: "room", canPublish: false })
      const connecting = yield* Effect.forkScoped(engine.connect({ url: server.url, token }))
      yield* elapse("1 second")
      yield* Fiber.join(connecting)
      const adding = yield* Effect.forkScoped(engine.addTrack(microphone("cid")))
      yield* elapse("1 second")
      assert.deepInclude(yield* reasonOf(adding), { _tag: "PublishRefused", why: RequestResponse_Reason.NOT_ALLOWED })
    })
  )

  on(
    "keeps published tracks over a resume, in which the server is told of them (S153, Q4)",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const adding = yield* add(alice, "cid")
      yield* elapse("1 second")
      const { sid } = yield* Fiber.join(adding)
      yield* server.faults.dropSignal("alice")
      yield* elapse("5 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
      assert.strictEqual(count(alice, "Reconnecting"), 0, "a track that the server does not know ends the session")
      assert.deepStrictEqual(
        (yield* alice.engine.publishedTracks).map((track) => track.sid),
        [sid]
      )
    })
  )
})

describe("without media in the runtime", () => {
  on(
    "a track is refused, statistics are empty, and the engine goes on (S61, S63, S155)",
    Effect.gen(function* () {
      const alice = yield* join("alice", { media: "none" })
      const track = { id: "track", kind: "audio", enabled: true }
      const { reason } = yield* Effect.flip(Effect.scoped(alice.engine.publishTrack(track)))
      assert.deepInclude(reason, { _tag: "Unsupported", capability: "media" })
      assert.strictEqual((yield* Effect.flip(alice.engine.createSenderTransceiver(track))).reason._tag, "Unsupported")
      yield* alice.engine.removeTrack("unknown")
      yield* alice.engine.removeTrack("unknown")
      assert.deepStrictEqual(yield* alice.engine.publisherStats, [])
      assert.deepStrictEqual(yield* alice.engine.subscriberStats, [])
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )

  on(
    "an engine that is not connected has no transceivers, tracks and statistics (S61, S63, S64, S155)",
    Effect.gen(function* () {
      const engine = yield* TestRTCEngine.make("alice")
      const track = { id: "track", kind: "video", enabled: true }
      assert.deepStrictEqual((yield* engine.createSenderTransceiver(track))._tag, "None")
      yield* engine.removeTrack("track")
      yield* engine.registerTrackBitrateInfo("track", { codec: "vp8", maxBitrate: 100 })
      assert.deepStrictEqual(yield* engine.publisherStats, [])
      assert.deepStrictEqual(yield* engine.remoteTracks, [])
      const { reason } = yield* Effect.flip(engine.updateMuteStatus("TR_1", true))
      assert.strictEqual(reason._tag, "NotConnected")
    })
  )
})
