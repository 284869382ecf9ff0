/**
 * What comes in: every kind of packet and message, and what is none.
 */
import { assert, describe } from "@effect/vitest"
import {
  ChatMessage,
  DataPacket,
  DataStream_Chunk,
  DataStream_Header,
  DataStream_Trailer,
  MetricsBatch,
  ParticipantInfo_State,
  RoomMovedResponse,
  RpcAck,
  RpcRequest,
  RpcResponse,
  SignalResponse,
  SipDTMF,
  SpeakerInfo,
  Transcription,
  UpdateParticipantMetadata,
  UpdateTrackSettings,
  UserPacket
} from "@livekit/protocol"
import { Effect, Option } from "effect"
import { Packet } from "effect-livekit"
import { TestServer, VirtualTime } from "effect-livekit/testing"
import { inspect } from "node:util"
import { count, join, last, say, tags, test } from "./suites/inMemory.ts"

const { elapse } = VirtualTime
const garbage = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x07, 0x13])

describe("packets", () => {
  test(
    "hands on every kind of packet, once and in order (S137, S138)",
    Effect.gen(function* () {
      const alice = yield* join("alice", { isAgent: true })
      const bob = yield* join("bob")
      const kinds: ReadonlyArray<Packet.Packet> = [
        { case: "user", value: new UserPacket({ payload: new Uint8Array([1]) }) },
        { case: "transcription", value: new Transcription({ trackId: "TR_1" }) },
        { case: "sipDtmf", value: new SipDTMF({ code: 1, digit: "1" }) },
        { case: "chatMessage", value: new ChatMessage({ id: "1", message: "hello" }) },
        { case: "rpcRequest", value: new RpcRequest({ id: "1", method: "add" }) },
        { case: "rpcAck", value: new RpcAck({ requestId: "1" }) },
        { case: "rpcResponse", value: new RpcResponse({ requestId: "1" }) },
        { case: "streamHeader", value: new DataStream_Header({ streamId: "1" }) },
        { case: "streamChunk", value: new DataStream_Chunk({ streamId: "1" }) },
        { case: "streamTrailer", value: new DataStream_Trailer({ streamId: "1" }) }
      ]
      for (const value of kinds) yield* alice.engine.sendData(value)
      yield* elapse("1 second")
      assert.deepStrictEqual(
        bob.packets.map(({ kind, packet }) => [kind, packet.value.case, packet.participantIdentity]),
        kinds.map((value) => ["reliable", value.case, "alice"])
      )
    })
  )

  test(
    "hands on metrics, which a server keeps to itself unless it is asked (S138)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const value = { case: "metrics", value: new MetricsBatch({ strData: ["a"] }) } as const
      yield* faults.sendRawData("alice", "lossy", new DataPacket({ value }).toBinary())
      yield* elapse("1 second")
      assert.deepStrictEqual(
        alice.packets.map(({ packet }) => packet.value.case),
        ["metrics"]
      )
    })
  )

  test(
    "tells who speaks, when the server says it by data (S137)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const speakers = [new SpeakerInfo({ sid: "PA_1", level: 0.5, active: true })]
      const packet = new DataPacket({ value: { case: "speaker", value: { speakers } } })
      yield* faults.sendRawData("alice", "lossy", packet.toBinary())
      yield* elapse("1 second")
      assert.deepStrictEqual(last(alice, "ActiveSpeakersUpdated")?.update.speakers[0]?.sid, "PA_1")
    })
  )

  for (const kind of ["reliable", "lossy"] as const) {
    test(
      `says that a ${kind} message is no packet, and goes on (S139)`,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const alice = yield* join("alice")
        const bob = yield* join("bob")
        yield* faults.sendRawData("alice", kind, garbage)
        yield* say(bob, "hello")
        yield* elapse("1 second")
        const malformed = last(alice, "MalformedPacket")
        assert.deepInclude(malformed, { kind, size: garbage.length })
        assert.strictEqual((yield* alice.engine.counters).malformed, 1)
        assert.deepStrictEqual(alice.received, ["hello"])
        assert.strictEqual(yield* alice.engine.state, "Connected")
      })
    )
  }

  test(
    "drops what a sender has sent before, and accepts gaps (S134, S135)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const send = (sequence: number) =>
        faults.sendRawData(
          "alice",
          "reliable",
          new DataPacket({
            participantSid: "PA_x",
            sequence,
            value: { case: "user", value: new UserPacket({ payload: new TextEncoder().encode(`${sequence}`) }) }
          }).toBinary()
        )
      for (const sequence of [1, 2, 2, 5, 4, 6]) yield* send(sequence)
      yield* elapse("1 second")
      assert.deepStrictEqual(alice.received, ["1", "2", "5", "6"])
      assert.strictEqual((yield* alice.engine.counters).duplicates, 2)
    })
  )
})

describe("signal messages", () => {
  for (const { frame, said, title } of [
    { title: "says that it got bytes that are no message, and goes on", frame: garbage, said: 1 },
    { title: "ignores text, and goes on (SC9)", frame: "hello", said: 0 }
  ]) {
    test(
      title,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const alice = yield* join("alice")
        const bob = yield* join("bob")
        yield* faults.sendRaw("alice", frame)
        yield* elapse("1 second")
        assert.strictEqual(count(alice, "MalformedSignal"), said)
        yield* say(alice, "1")
        yield* elapse("1 second")
        assert.deepStrictEqual(bob.received, ["1"])
        assert.notInclude(tags(alice), "Resuming")
      })
    )
  }

  test(
    "ignores candidates that have no peer connection here (S144)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice", { mode: "single" })
      for (const candidateInit of ["", "{", '{"candidate":"candidate:nonsense"}']) {
        for (const target of [0, 1, 7]) {
          const message = { case: "trickle", value: { candidateInit, target } } as const
          yield* faults.sendRaw("alice", new SignalResponse({ message }).toBinary())
        }
      }
      yield* elapse("1 second")
      assert.strictEqual(yield* alice.engine.state, "Connected")
      assert.notInclude(tags(alice), "Resuming")
    })
  )

  test(
    "is who the server says after a move to another room, and shows the token of that to nobody",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const value = new RoomMovedResponse({
        room: { name: "elsewhere" },
        token: "secret-of-elsewhere",
        participant: { sid: "PA_elsewhere", identity: "alice" }
      })
      yield* faults.sendRaw("alice", new SignalResponse({ message: { case: "roomMoved", value } }).toBinary())
      yield* elapse("1 second")
      assert.strictEqual(Option.getOrThrow(yield* alice.engine.participant).sid, "PA_elsewhere")
      const moved = last(alice, "OtherMessage")?.message
      assert.isTrue(moved?.case === "roomMoved" && moved.value.room?.name === "elsewhere")
      assert.notInclude(inspect(alice.events, { depth: 9 }), "secret-of-elsewhere")
    })
  )

  test(
    "tells who stayed behind and who is there after a move to another room",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      const carol = { sid: "PA_carol", identity: "carol", state: ParticipantInfo_State.ACTIVE }
      const value = new RoomMovedResponse({
        token: "token-of-elsewhere",
        participant: { sid: "PA_elsewhere", identity: "alice" },
        otherParticipants: [carol]
      })
      yield* faults.sendRaw("alice", new SignalResponse({ message: { case: "roomMoved", value } }).toBinary())
      yield* elapse("1 second")
      const { sid } = Option.getOrThrow(yield* bob.engine.participant)
      assert.deepStrictEqual(
        last(alice, "ParticipantsUpdated")?.participants.map(({ sid, state }) => [sid, state]),
        [
          [sid, ParticipantInfo_State.DISCONNECTED],
          [carol.sid, carol.state]
        ]
      )
    })
  )

  test(
    "keeps the newest token and shows it to nobody (S151)",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      yield* faults.refreshToken("alice")
      yield* elapse("1 second")
      assert.isAtLeast(count(alice, "TokenRefreshed"), 1)
      assert.notInclude(
        JSON.stringify(alice.events, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
        "token-"
      )
    })
  )
})

describe("a new token that is none", () => {
  for (const bad of ["", " ", "invalid token", "a.b.c\n"]) {
    test(
      `does not take the place of a good one (${JSON.stringify(bad)})`,
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const alice = yield* join("alice")
        const before = count(alice, "TokenRefreshed")
        const moved = new RoomMovedResponse({ token: bad })
        for (const message of [
          { case: "refreshToken", value: bad },
          { case: "roomMoved", value: moved }
        ] as const) {
          yield* faults.sendRaw("alice", new SignalResponse({ message }).toBinary())
        }
        yield* elapse("1 second")
        assert.strictEqual(count(alice, "TokenRefreshed"), before)
        yield* faults.dropSignal("alice")
        yield* elapse("5 seconds")
        assert.isTrue(tags(alice).includes("Resumed"))
      })
    )
  }
})

describe("sendData", () => {
  test(
    "delivers a packet as often as it is sent, and leaves it as it was",
    Effect.gen(function* () {
      const alice = yield* join("alice")
      const bob = yield* join("bob")
      const packet = Packet.user("again")
      yield* alice.engine.sendData(packet)
      yield* alice.engine.sendData(packet)
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["again", "again"])
      assert.isTrue(packet.case === "user" && packet.value.nonce.length === 0)
    })
  )

  test(
    "needs a connection, before connect and after disconnect",
    Effect.gen(function* () {
      const alice = yield* join("alice")
      yield* alice.engine.disconnect
      const { reason } = yield* Effect.flip(alice.engine.sendData(Packet.user("late")))
      assert.strictEqual(reason._tag, "NotConnected")
    })
  )

  test(
    "refuses a packet that cannot be encoded, and sends the next one",
    Effect.gen(function* () {
      const alice = yield* join("alice")
      const bob = yield* join("bob")
      for (const kind of ["reliable", "lossy"] as const) {
        const { reason } = yield* Effect.flip(
          alice.engine.sendData({ case: "sipDtmf", value: unencodable(new SipDTMF(), "code") }, { kind })
        )
        assert.strictEqual(reason._tag, "InvalidPacket")
      }
      yield* say(alice, "next")
      yield* elapse("1 second")
      assert.deepStrictEqual(bob.received, ["next"])
    })
  )
})

describe("a request", () => {
  test(
    "that cannot be encoded is refused, and is in the way of no other, whether connected or not",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* join("alice")
      const settings = unencodable(new UpdateTrackSettings({ trackSids: ["TR_1"] }), "fps")
      const refused = Effect.gen(function* () {
        const { reason } = yield* Effect.flip(alice.engine.sendRequest({ case: "trackSetting", value: settings }))
        assert.strictEqual(reason._tag, "InvalidRequest")
        const { reason: why } = yield* Effect.flip(alice.engine.updateTrackSettings(["TR_1"], settings))
        assert.strictEqual(why._tag, "InvalidRequest")
      })
      yield* refused
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      yield* elapse("5 millis")
      assert.strictEqual(yield* alice.engine.state, "Resuming")
      yield* refused
      const value = new UpdateParticipantMetadata({ metadata: "mine", requestId: 7 })
      yield* alice.engine.sendRequest({ case: "updateMetadata", value })
      yield* faults.acceptDials
      yield* elapse("5 seconds")
      assert.strictEqual(yield* alice.engine.state, "Connected")
      assert.strictEqual(last(alice, "RequestAnswered")?.response.requestId, 7)
    })
  )
})

/** A message as plain JavaScript might fill it. */
const unencodable = <A extends object>(message: A, field: keyof A): A => {
  Reflect.set(message, field, "not a number")
  return message
}
