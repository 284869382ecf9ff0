/**
 * The dev server on the signal connection, over real sockets: what it says first, what it answers, how it ends.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  AddTrackRequest,
  DisconnectReason,
  LeaveRequest,
  LeaveRequest_Action,
  type ParticipantInfo,
  ParticipantInfo_State,
  Ping,
  RequestResponse_Reason,
  SignalRequest,
  SignalResponse,
  TrackType
} from "@livekit/protocol"
import { type Cause, Clock, Effect, Fiber, type Layer, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { type AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { dial, joinRequest, type RawSignal } from "./suites/signalClient.ts"

type Server = DevServer.DevServer["Service"]
type Test = Effect.Effect<void, unknown, Scope.Scope | Layer.Success<typeof NodeDataChannel.layer>>

const provided = (test: Test) => test.pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
const live = (name: string, test: Test) => it.live(name, () => provided(test), 20_000)

const dualQuery = { protocol: "16" }

/** Dials for an identity in the room `room`: two peer connections unless the query has a join request. */
const dialAs = Effect.fnUntraced(function* (
  server: Server,
  identity: string,
  options: {
    readonly query?: Readonly<Record<string, string>>
    readonly grant?: Partial<AccessToken.TokenOptions>
  } = {}
) {
  const token = yield* server.token({ identity, room: "room", ...options.grant })
  const query = new URLSearchParams({ access_token: Redacted.value(token), ...(options.query ?? dualQuery) })
  return yield* dial(`${server.url}/rtc?${query}`)
})
const single = { query: { join_request: joinRequest() } }

/** The next that a participant hears of somebody. */
const heardOf = (signal: RawSignal, identity: string): Effect.Effect<ParticipantInfo, Cause.Done> =>
  Effect.flatMap(signal.nextOf("update"), ({ participants }) => {
    const found = participants.find((participant) => participant.identity === identity)
    return found === undefined ? heardOf(signal, identity) : Effect.succeed(found)
  })

/** Waits for something that a real socket brings. */
const soon = <A, E>(effect: Effect.Effect<A, E>) => effect.pipe(Effect.timeout(5_000))

describe("the first messages", () => {
  live(
    "are join, then an offer, to a client with two peer connections",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signal = yield* dialAs(server, "alice")
      const first = yield* signal.next
      assert.isTrue(first.case === "join" && first.value.subscriberPrimary && first.value.fastPublish)
      assert.isTrue(first.case === "join" && first.value.pingInterval === 5 && first.value.pingTimeout === 15)
      assert.isTrue(first.case === "join" && first.value.participant?.state === ParticipantInfo_State.JOINING)
      const after = yield* Effect.replicateEffect(signal.next, 3)
      assert.deepStrictEqual(after.map((message) => message.case).sort(), ["offer", "refreshToken", "update"])
    })
  )

  live(
    "are join and no offer, to a client that has to offer itself",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      for (const options of [single, { grant: { canSubscribe: false } }, { query: { protocol: "2" } }]) {
        const signal = yield* dialAs(server, "alice", options)
        const first = yield* signal.next
        assert.isTrue(first.case === "join" && !first.value.subscriberPrimary)
        signal.request({ case: "leave", value: new LeaveRequest() })
        const cases = (yield* signal.rest).map((message) => message.case)
        assert.deepStrictEqual(cases, ["refreshToken", "update", "leave"])
      }
    })
  )

  live(
    "promise no publishing to who may not publish",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signal = yield* dialAs(server, "alice", { grant: { canPublish: false } })
      assert.isFalse((yield* signal.nextOf("join")).fastPublish)
    })
  )

  live(
    "have a limit of 65,535 bytes a message in the description",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signal = yield* dialAs(server, "alice")
      assert.match((yield* signal.nextOf("offer")).sdp, /^a=max-message-size:65535\r?$/m)
    })
  )

  live(
    "have a token that lets in, for as long as the first one and for ten minutes at least",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const lifetimes = [
        { ttl: 30, expected: 600 },
        { ttl: 3_600, expected: 3_600 }
      ]
      for (const { expected, ttl } of lifetimes) {
        const signal = yield* dialAs(server, "alice", { grant: { ttl, canPublish: false } })
        const refreshed = yield* signal.nextOf("refreshToken")
        const query = new URLSearchParams({ access_token: refreshed })
        const again = yield* dial(`${server.url}/rtc?${query}`)
        const join = yield* again.nextOf("join")
        assert.strictEqual(join.participant?.identity, "alice")
        assert.isFalse(join.fastPublish)
        const claims: { readonly exp: number } = JSON.parse(
          Buffer.from(refreshed.split(".")[1] ?? "", "base64url").toString("utf8")
        )
        const remaining = claims.exp - (yield* Clock.currentTimeMillis) / 1000
        assert.approximately(remaining, expected, 10)
      }
    })
  )
})

describe("pings", () => {
  live(
    "are answered with the server's time, old and new ones",
    Effect.gen(function* () {
      const server = yield* DevServer.make({ pingInterval: 2, pingTimeout: 7 })
      const signal = yield* dialAs(server, "alice", single)
      const join = yield* signal.nextOf("join")
      assert.deepStrictEqual([join.pingInterval, join.pingTimeout], [2, 7])
      const before = yield* Clock.currentTimeMillis
      signal.request({ case: "ping", value: 1n })
      const pong = Number(yield* signal.nextOf("pong"))
      signal.request({ case: "pingReq", value: new Ping({ timestamp: 4711n }) })
      const { lastPingTimestamp, timestamp } = yield* signal.nextOf("pongResp")
      const after = yield* Clock.currentTimeMillis
      assert.strictEqual(lastPingTimestamp, 4711n)
      for (const time of [pong, Number(timestamp)]) assert.isTrue(time >= before && time <= after)
    })
  )

  it.effect("of WebSocket come every 10 seconds", () =>
    provided(
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const signal = yield* dialAs(server, "alice", single)
        yield* signal.nextOf("join")
        yield* TestClock.adjust("25 seconds")
        // The pings were sent before this answer.
        signal.request({ case: "ping", value: 1n })
        yield* signal.nextOf("pong")
        assert.strictEqual(signal.pings(), 2)
      })
    )
  )
})

describe("frames", () => {
  live(
    "of JSON text are answered with JSON text, until a binary one comes",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signal = yield* dialAs(server, "alice", single)
      yield* heardOf(signal, "alice")
      const ping = new SignalRequest({ message: { case: "ping", value: 1n } })
      signal.sendRaw(ping.toJsonString())
      const text = yield* signal.frame
      assert.isTrue(typeof text === "string" && SignalResponse.fromJsonString(text).message.case === "pong")
      signal.sendRaw(`{"ping":"2","unknown":true}`)
      assert.isTrue(typeof (yield* signal.frame) === "string")
      signal.sendRaw(ping.toBinary())
      const binary = yield* signal.frame
      assert.isTrue(typeof binary !== "string" && SignalResponse.fromBinary(binary).message.case === "pong")
    })
  )

  live(
    "that cannot be read end the connection with 1000",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      for (const garbage of [new Uint8Array([10, 200]), "{", `{"ping":{}}`]) {
        const signal = yield* dialAs(server, "alice", single)
        yield* signal.nextOf("join")
        signal.sendRaw(garbage)
        assert.deepStrictEqual(yield* soon(signal.closed), { code: 1000, reason: "" })
      }
    })
  )

  live(
    "of unknown kinds, and up to 2 MiB, are no trouble; larger ones end the connection with 1009",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signal = yield* dialAs(server, "alice", single)
      yield* signal.nextOf("join")
      signal.sendRaw(new Uint8Array([0xfa, 0x3f, 0]))
      // Field 1000 with a value that takes all the room.
      const large = new Uint8Array(2 * 1024 * 1024)
      large.set([0xc2, 0x3e, 0xfb, 0xff, 0x7f])
      signal.sendRaw(large)
      signal.request({ case: "ping", value: 1n })
      yield* soon(signal.nextOf("pong"))
      signal.sendRaw(new Uint8Array(2 * 1024 * 1024 + 1))
      assert.strictEqual((yield* soon(signal.closed)).code, 1009)
    })
  )
})

describe("participants", () => {
  live(
    "hear of themselves and of others who come and go",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const alice = yield* dialAs(server, "alice", single)
      assert.strictEqual((yield* heardOf(alice, "alice")).state, ParticipantInfo_State.JOINED)
      const bob = yield* dialAs(server, "bob", single)
      const others = (yield* bob.nextOf("join")).otherParticipants.map(({ identity }) => identity)
      assert.deepStrictEqual(others, ["alice"])
      const joined = yield* heardOf(alice, "bob")
      assert.strictEqual(joined.state, ParticipantInfo_State.JOINED)
      bob.request({ case: "leave", value: new LeaveRequest() })
      const left = yield* alice.nextOf("update")
      assert.strictEqual(left.participants.length, 1)
      assert.deepInclude(left.participants[0], {
        identity: "bob",
        state: ParticipantInfo_State.DISCONNECTED,
        disconnectReason: DisconnectReason.CLIENT_INITIATED
      })
      assert.isAbove(left.participants[0]?.version ?? 0, joined.version)
      assert.deepStrictEqual(yield* server.participants("room"), ["alice"])
    })
  )

  live(
    "get their leave back once, and a close with 1000",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signal = yield* dialAs(server, "alice", single)
      yield* heardOf(signal, "alice")
      signal.request({ case: "leave", value: new LeaveRequest() })
      const [leave, ...more] = yield* soon(signal.rest)
      assert.isTrue(leave?.case === "leave" && leave.value.reason === DisconnectReason.CLIENT_INITIATED)
      assert.isTrue(leave?.case === "leave" && leave.value.action === LeaveRequest_Action.DISCONNECT)
      assert.deepStrictEqual(more, [])
      assert.deepStrictEqual(yield* signal.closed, { code: 1000, reason: "" })
    })
  )

  live(
    "go when their identity joins again",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const bob = yield* dialAs(server, "bob", single)
      const first = yield* dialAs(server, "alice", single)
      const { participant: before } = yield* first.nextOf("join")
      const second = yield* dialAs(server, "alice", single)
      assert.strictEqual((yield* soon(first.nextOf("leave"))).reason, DisconnectReason.DUPLICATE_IDENTITY)
      assert.deepStrictEqual(yield* first.closed, { code: 1000, reason: "" })
      const { otherParticipants, participant } = yield* second.nextOf("join")
      assert.deepStrictEqual(
        otherParticipants.map(({ identity }) => identity),
        ["bob"]
      )
      assert.notStrictEqual(participant?.sid, before?.sid)
      const heard: Array<readonly [string, ParticipantInfo_State]> = []
      while (heard.length < 3) {
        const { sid, state } = yield* soon(heardOf(bob, "alice"))
        heard.push([sid, state])
      }
      assert.deepStrictEqual(heard, [
        [before?.sid ?? "", ParticipantInfo_State.JOINED],
        [before?.sid ?? "", ParticipantInfo_State.DISCONNECTED],
        [participant?.sid ?? "", ParticipantInfo_State.JOINED]
      ])
      assert.deepStrictEqual(yield* server.participants("room"), ["bob", "alice"])
    })
  )

  live(
    "of one identity are never two, however many dial at once",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const signals = yield* Effect.all(
        Array.from({ length: 8 }, () => dialAs(server, "alice", single)),
        { concurrency: "unbounded" }
      )
      const ends = signals.map((signal) =>
        signal.closed.pipe(
          Effect.as(false),
          Effect.timeoutOrElse({ duration: 500, orElse: () => Effect.succeed(true) })
        )
      )
      const isAlive = yield* Effect.all(ends, { concurrency: "unbounded" })
      assert.strictEqual(isAlive.filter(Boolean).length, 1)
      assert.deepStrictEqual(yield* server.participants("room"), ["alice"])
    })
  )

  live(
    "go with their signal when their media never connected, and are then not resumed",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const bob = yield* dialAs(server, "bob", single)
      const alice = yield* dialAs(server, "alice", single)
      yield* heardOf(bob, "alice")
      yield* alice.close
      const gone = yield* soon(heardOf(bob, "alice"))
      assert.strictEqual(gone.disconnectReason, DisconnectReason.SIGNAL_CLOSE)
      const resumes = [
        { protocol: "16", expected: { action: LeaveRequest_Action.RECONNECT, canReconnect: false } },
        { protocol: "12", expected: { action: LeaveRequest_Action.DISCONNECT, canReconnect: true } }
      ]
      for (const { expected, protocol } of resumes) {
        const resumed = yield* dialAs(server, "alice", { query: { protocol, reconnect: "1" } })
        const [leave, ...more] = yield* soon(resumed.rest)
        assert.isTrue(leave?.case === "leave")
        assert.deepInclude(leave?.value, { reason: DisconnectReason.STATE_MISMATCH, ...expected })
        assert.deepStrictEqual(more, [])
        assert.deepStrictEqual(yield* resumed.closed, { code: 1000, reason: "" })
      }
    })
  )

  live(
    "publish with their join, as far as they may",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const bob = yield* dialAs(server, "bob", { ...single, grant: { canPublish: false } })
      yield* bob.nextOf("refreshToken")
      const track = new AddTrackRequest({ cid: "cid", name: "mic", type: TrackType.AUDIO })
      const query = { join_request: joinRequest({ addTrackRequests: [track] }) }
      const alice = yield* dialAs(server, "alice", { query })
      const published = yield* alice.nextOf("trackPublished")
      assert.strictEqual(published.cid, "cid")
      assert.strictEqual(published.track?.name, "mic")
      bob.request({ case: "addTrack", value: track })
      assert.strictEqual((yield* bob.nextOf("requestResponse")).reason, RequestResponse_Reason.NOT_ALLOWED)
      alice.request({ case: "addTrack", value: new AddTrackRequest({ cid: "other", type: TrackType.DATA }) })
      assert.strictEqual((yield* alice.nextOf("requestResponse")).reason, RequestResponse_Reason.UNSUPPORTED_TYPE)
    })
  )
})

describe("a fault", () => {
  const joined = Effect.gen(function* () {
    const server = yield* DevServer.make()
    const signal = yield* dialAs(server, "alice", single)
    yield* heardOf(signal, "alice")
    return { server, signal, faults: server.faults }
  })

  live(
    "rejects the next dial and says so to validate, and the one after is let in",
    Effect.gen(function* () {
      const { faults, server } = yield* joined
      const token = yield* server.token({ identity: "bob", room: "room" })
      const validate = Effect.promise(async () => {
        const query = new URLSearchParams({ access_token: Redacted.value(token) })
        const response = await fetch(`${server.url.replace("ws", "http")}/rtc/validate?${query}`)
        return { status: response.status, body: await response.text() }
      })
      assert.deepStrictEqual(yield* validate, { status: 200, body: "success" })
      yield* faults.rejectNextDial(503, "node has exceeded its configured limit")
      yield* faults.rejectNextDial(404, "requested room does not exist")
      assert.deepStrictEqual(yield* validate, { status: 200, body: "success" })
      for (const refusal of [
        { status: 503, body: "node has exceeded its configured limit" },
        { status: 404, body: "requested room does not exist" }
      ]) {
        assert.deepStrictEqual(yield* Effect.flip(dialAs(server, "bob")), refusal)
        assert.deepStrictEqual(yield* validate, refusal)
      }
      const bob = yield* dialAs(server, "bob")
      yield* bob.nextOf("join")
      assert.deepStrictEqual(yield* validate, { status: 200, body: "success" })
    })
  )

  live(
    "silences the next dial after its upgrade, and no other",
    Effect.gen(function* () {
      const { faults, server, signal } = yield* joined
      yield* faults.silenceFirstFrame
      const silent = yield* dialAs(server, "bob")
      silent.request({ case: "ping", value: 1n })
      const carol = yield* dialAs(server, "carol")
      yield* carol.nextOf("join")
      // Carol's message went out after anything that there was to say to bob.
      yield* heardOf(signal, "carol")
      const heard = yield* silent.frame.pipe(Effect.timeoutOrElse({ duration: 100, orElse: () => Effect.succeed("") }))
      assert.strictEqual(heard, "")
      assert.deepStrictEqual(yield* server.participants("room"), ["alice", "carol"])
      yield* faults.stop
      assert.strictEqual((yield* soon(silent.closed)).code, 1006)
    })
  )

  live(
    "stalls the next dial before its upgrade, and no other",
    Effect.gen(function* () {
      const { faults, server } = yield* joined
      yield* faults.stallNextDial
      const stalled = yield* Effect.forkChild(dialAs(server, "bob"))
      yield* Effect.sleep(100)
      yield* (yield* dialAs(server, "carol")).nextOf("join")
      assert.isUndefined(stalled.pollUnsafe())
      yield* Fiber.interrupt(stalled)
      assert.deepStrictEqual(yield* server.participants("room"), ["alice", "carol"])
    })
  )

  live(
    "sends whatever it is told to",
    Effect.gen(function* () {
      const { faults, signal } = yield* joined
      for (const frame of [new Uint8Array([1, 2, 3]), new Uint8Array(), "text"]) {
        yield* faults.sendRaw("alice", frame)
        assert.deepStrictEqual(yield* soon(signal.frame), frame)
      }
    })
  )

  live(
    "closes the signal with the code it is told, or with none",
    Effect.gen(function* () {
      const first = yield* joined
      yield* first.faults.closeSignal("alice", 1011)
      assert.strictEqual((yield* soon(first.signal.closed)).code, 1011)
      const second = yield* joined
      yield* second.faults.dropSignal("alice")
      assert.strictEqual((yield* soon(second.signal.closed)).code, 1006)
      yield* second.faults.closeSignal("nobody", 1011)
    })
  )

  live(
    "stalls a signal",
    Effect.gen(function* () {
      const { faults, server, signal } = yield* joined
      yield* faults.stallSignal("alice")
      signal.request({ case: "ping", value: 1n })
      yield* (yield* dialAs(server, "bob")).nextOf("join")
      const heard = yield* signal.next.pipe(
        Effect.map((message) => message.case),
        Effect.timeoutOrElse({ duration: 100, orElse: () => Effect.succeed("nothing") })
      )
      assert.strictEqual(heard, "nothing")
    })
  )

  live(
    "says any leave; only one that asks for a resume leaves the session alive",
    Effect.gen(function* () {
      for (const [action, remaining] of [
        [LeaveRequest_Action.RESUME, ["alice"]],
        [LeaveRequest_Action.RECONNECT, []],
        [LeaveRequest_Action.DISCONNECT, []]
      ] as const) {
        const { faults, server, signal } = yield* joined
        yield* faults.leave("alice", new LeaveRequest({ action, reason: DisconnectReason.ROOM_DELETED }))
        assert.deepStrictEqual(yield* server.participants("room"), remaining)
        const leave = yield* soon(signal.nextOf("leave"))
        assert.deepInclude(leave, { action, reason: DisconnectReason.ROOM_DELETED })
        assert.deepStrictEqual(yield* signal.closed, { code: 1000, reason: "" })
      }
    })
  )
})
