/**
 * What a room does with data packets on their way from one participant to the others.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  ChatMessage,
  DataPacket,
  DataPacket_Kind,
  DataStream_ByteHeader,
  DataStream_Header,
  DataStream_TextHeader,
  LeaveRequest,
  MetricsBatch,
  Transcription,
  UserPacket
} from "@livekit/protocol"
import { Effect, type Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as FastCheck from "fast-check"
import * as forward from "../src/room/forward.ts"
import { JoinBacklog } from "../src/room/JoinBacklog.ts"
import { RecentNonces } from "../src/room/RecentNonces.ts"
import { FakeChannel, fakePeers, makeServer } from "./suites/roomServer.ts"
import { joinRequest } from "./suites/signalClient.ts"

const on = (
  name: string,
  test: Effect.Effect<void, unknown, Scope.Scope | Layer.Success<ReturnType<typeof fakePeers>>>
) => it.effect(name, () => test.pipe(Effect.provide(fakePeers({ iceRestart: true }))))

const user = (payload: string | number, fields: Partial<UserPacket> = {}): DataPacket["value"] => ({
  case: "user",
  value: new UserPacket({ ...fields, payload: new TextEncoder().encode(String(payload)) })
})
const packet = (payload: string | number, fields: Partial<DataPacket> = {}) =>
  new DataPacket({ value: user(payload), ...fields })
const payloadOf = ({ value }: DataPacket) =>
  value.case === "user" ? new TextDecoder().decode(value.value.payload) : value.case
const payloads = (sent: ReadonlyArray<Uint8Array>) => sent.map((bytes) => payloadOf(DataPacket.fromBinary(bytes)))

const pair = Effect.gen(function* () {
  const room = yield* makeServer()
  const alice = yield* room.joined("alice")
  const bob = yield* room.joined("bob")
  return { ...room, alice, bob }
})

describe("a packet", () => {
  on(
    "says who sent it and on which channel, whatever the sender says",
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair
      const forged = {
        participantSid: "PA_forged",
        participantIdentity: "forged",
        sequence: 7,
        value: user("x", { participantSid: "PA_forged", participantIdentity: "forged", topic: "topic" })
      }
      alice.channel("_reliable").receive(new DataPacket({ ...forged, kind: DataPacket_Kind.LOSSY }))
      alice.channel("_lossy").receive(new DataPacket({ ...forged, kind: DataPacket_Kind.RELIABLE }))
      for (const [label, kind] of [
        ["_reliable", DataPacket_Kind.RELIABLE],
        ["_lossy", DataPacket_Kind.LOSSY]
      ] as const) {
        const [bytes = new Uint8Array(), ...more] = bob.received(label)
        const received = DataPacket.fromBinary(bytes)
        assert.deepStrictEqual(more, [])
        assert.match(received.participantSid, /^PA_(?!forged)/)
        assert.deepInclude(received, { kind, participantIdentity: "alice", sequence: 7 })
        assert.isTrue(received.value.case === "user" && received.value.value.topic === "topic")
        assert.isTrue(received.value.case === "user" && received.value.value.participantSid === received.participantSid)
        assert.isTrue(received.value.case === "user" && received.value.value.participantIdentity === "alice")
      }
      assert.deepStrictEqual(alice.received(), [])
      assert.deepStrictEqual(yield* server.participants("room"), ["alice", "bob"])
    })
  )

  on(
    "goes to those it names, by identity or sid, in either place",
    Effect.gen(function* () {
      const { alice, bob, joined } = yield* pair
      const carol = yield* joined("carol")
      const reliable = alice.channel("_reliable")
      reliable.receive(packet("all"))
      const [bytes = new Uint8Array()] = bob.received()
      assert.deepStrictEqual(DataPacket.fromBinary(bytes).destinationIdentities, [])
      reliable.receive(packet("outer", { destinationIdentities: ["bob", "nobody"] }))
      reliable.receive(packet("", { value: user("inner", { destinationIdentities: ["carol"] }) }))
      reliable.receive(
        packet("", { value: user("outer wins", { destinationIdentities: ["carol"] }), destinationIdentities: ["bob"] })
      )
      reliable.receive(packet("self", { destinationIdentities: ["alice"] }))
      carol.channel("_reliable").receive(packet("from carol"))
      const carolSid = DataPacket.fromBinary(bob.received().at(-1) ?? new Uint8Array()).participantSid
      reliable.receive(packet("", { value: user("by sid", { destinationSids: [carolSid] }) }))
      assert.deepStrictEqual(payloads(bob.received()), ["all", "outer", "outer wins", "from carol"])
      assert.deepStrictEqual(payloads(carol.received()), ["all", "inner", "by sid"])
      assert.deepStrictEqual(payloads(alice.received()), ["from carol"])
    })
  )

  on(
    "stays in its room",
    Effect.gen(function* () {
      const { alice, bob, joined } = yield* pair
      const elsewhere = yield* joined("carol", { grant: { room: "other" } })
      alice.channel("_reliable").receive(packet("x"))
      assert.deepStrictEqual(payloads(bob.received()), ["x"])
      assert.deepStrictEqual(elsewhere.received(), [])
    })
  )

  on(
    "that the runtime mixed up while it handed the channel over loses nothing",
    Effect.gen(function* () {
      const { alice, bob } = yield* pair
      alice.channel("_reliable").receiveEarly([3, 1, 2].map((sequence) => packet(sequence, { sequence })))
      assert.deepStrictEqual(payloads(bob.received()), ["1", "2", "3"])
    })
  )

  on(
    "goes nowhere from who may not send, and when it cannot be read",
    Effect.gen(function* () {
      const { bob, joined } = yield* pair
      const mute = yield* joined("mute", { grant: { canPublishData: false } })
      const loud = yield* joined("loud")
      mute.channel("_reliable").receive(packet("x"))
      mute.channel("_lossy").receive(packet("x"))
      const channel = loud.channel("_reliable")
      channel.receive(new Uint8Array([10, 200]))
      channel.receive(packet("heard"))
      assert.deepStrictEqual(payloads(bob.received()), ["heard"])
      assert.deepStrictEqual(bob.received("_lossy"), [])
    })
  )

  on(
    "that one recipient cannot take reaches the others",
    Effect.gen(function* () {
      const { alice, bob, joined } = yield* pair
      const carol = yield* joined("carol")
      const channel = bob.subscriber.opened.get("_reliable")
      assert.isDefined(channel)
      if (channel !== undefined) channel.failure = new Error("too large")
      alice.channel("_reliable").receive(packet("x"))
      assert.deepStrictEqual(payloads(carol.received()), ["x"])
    })
  )

  on(
    "of a participant that has left is not forwarded, nor to one",
    Effect.gen(function* () {
      const { alice, bob } = yield* pair
      const channel = alice.channel("_reliable")
      bob.channel("_reliable").receive(packet("early"))
      yield* alice.signal.request({ case: "leave", value: new LeaveRequest() })
      channel.receive(packet("late"))
      bob.channel("_reliable").receive(packet("too late"))
      assert.deepStrictEqual(payloads(bob.received()), [])
      assert.deepStrictEqual(payloads(alice.received()), ["early"])
    })
  )
})

describe("sequences", () => {
  on(
    "that are not above the last one are dropped, and a resume hears of the last one",
    Effect.gen(function* () {
      const { alice, bob, resume, joined } = yield* pair
      const reliable = alice.channel("_reliable")
      for (const sequence of [1, 2, 2, 5, 4, 6, 0, 0]) reliable.receive(packet(sequence, { sequence }))
      assert.deepStrictEqual(payloads(bob.received()), ["1", "2", "5", "6", "0", "0"])
      const lossy = alice.channel("_lossy")
      for (const sequence of [3, 2, 2]) lossy.receive(packet(sequence, { sequence }))
      assert.deepStrictEqual(payloads(bob.received("_lossy")), ["3", "2", "2"])
      yield* alice.signal.lose
      const [first] = yield* (yield* resume("alice")).said
      assert.isTrue(first?.case === "reconnect" && first.value.lastMessageSeq === 6)
      reliable.receive(packet("resent", { sequence: 6 }))
      reliable.receive(packet("new", { sequence: 7 }))
      assert.deepStrictEqual(payloads(bob.received()).slice(6), ["new"])
      const again = yield* joined("alice")
      again.channel("_reliable").receive(packet("restarted", { sequence: 1 }))
      assert.deepStrictEqual(payloads(bob.received()).slice(7), ["restarted"])
    })
  )
})

describe("nonces", () => {
  const nonce = (first: number, length = 16) => {
    const bytes = new Uint8Array(length)
    new DataView(bytes.buffer).setUint32(0, first)
    return bytes
  }
  const withNonce = (payload: string, bytes: Uint8Array<ArrayBuffer>) =>
    packet("", { value: user(payload, { nonce: bytes }) })

  on(
    "that the room has seen drop a packet, whoever sends it, on whichever channel",
    Effect.gen(function* () {
      const { alice, bob, joined } = yield* pair
      alice.channel("_reliable").receive(withNonce("first", nonce(1)))
      alice.channel("_reliable").receive(withNonce("again", nonce(1)))
      alice.channel("_lossy").receive(withNonce("lossy", nonce(1)))
      const second = yield* joined("alice")
      second.channel("_reliable").receive(withNonce("of the next session", nonce(1)))
      second.channel("_reliable").receive(withNonce("other", nonce(2)))
      assert.deepStrictEqual(payloads(bob.received()), ["first", "other"])
      assert.deepStrictEqual(bob.received("_lossy"), [])
    })
  )

  on(
    "say nothing when they are not 16 bytes long",
    Effect.gen(function* () {
      const { alice, bob } = yield* pair
      const reliable = alice.channel("_reliable")
      for (const length of [4, 15, 17, 20]) {
        reliable.receive(withNonce("x", nonce(1, length)))
        reliable.receive(withNonce("x", nonce(1, length)))
      }
      assert.strictEqual(bob.received().length, 8)
    })
  )

  it("are remembered a hundred at a time", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(FastCheck.nat({ max: 150 }), { maxLength: 500 }), (numbers) => {
        const recent = new RecentNonces()
        const kept: Array<number> = []
        for (const number of numbers) {
          const isKnown = kept.includes(number)
          assert.strictEqual(recent.isDuplicate(nonce(number)), isKnown)
          if (!isKnown) kept.push(number)
          if (kept.length > 100) kept.shift()
        }
      })
    )
  })
})

describe("an agent", () => {
  const forOther = { participantIdentity: "bob" }
  const chat = (): Partial<DataPacket> => ({ ...forOther, value: { case: "chatMessage", value: new ChatMessage() } })
  const text = (): Partial<DataPacket> => ({
    ...forOther,
    value: {
      case: "streamHeader",
      value: new DataStream_Header({ contentHeader: { case: "textHeader", value: new DataStream_TextHeader() } })
    }
  })
  const bytes = (): Partial<DataPacket> => ({
    ...forOther,
    value: {
      case: "streamHeader",
      value: new DataStream_Header({ contentHeader: { case: "byteHeader", value: new DataStream_ByteHeader() } })
    }
  })
  const transcription = (): Partial<DataPacket> => ({
    ...forOther,
    value: { case: "transcription", value: new Transcription() }
  })

  on(
    "may transcribe, and write in the name of another; nobody else may",
    Effect.gen(function* () {
      const { alice, bob, joined } = yield* pair
      const agent = yield* joined("agent", { grant: { isAgent: true } })
      const senders = { alice: alice.channel("_reliable"), agent: agent.channel("_reliable") }
      const heard = (sender: keyof typeof senders, fields: Partial<DataPacket>) => {
        const before = bob.received().length
        senders[sender].receive(new DataPacket(fields))
        const [sent] = bob.received().slice(before)
        return sent === undefined ? undefined : DataPacket.fromBinary(sent)
      }
      for (const make of [chat, text]) {
        assert.strictEqual(heard("alice", make())?.participantIdentity, "alice")
        const spoken = heard("agent", make())
        assert.strictEqual(spoken?.participantIdentity, "bob")
        assert.match(JSON.stringify(spoken?.toJson()), /"generated":true/)
        assert.strictEqual(heard("agent", { ...make(), participantIdentity: "" })?.participantIdentity, "agent")
      }
      assert.strictEqual(heard("agent", bytes())?.participantIdentity, "agent")
      assert.isUndefined(heard("alice", transcription()))
      assert.strictEqual(heard("agent", transcription())?.participantIdentity, "agent")
      assert.isUndefined(heard("agent", { value: { case: "metrics", value: new MetricsBatch() } }))
      const unknown = new Uint8Array([0x82, 0x7d, 1, 65])
      const before = bob.received().length
      senders.alice.receive(unknown)
      assert.strictEqual(bob.received().length, before + 1)
    })
  )
})

describe("a participant that is still joining", () => {
  on(
    "gets the reliable packets of the last two seconds, once and in order, when its channel opens",
    Effect.gen(function* () {
      const { alice, join } = yield* pair
      const late = yield* join("late")
      const reliable = alice.channel("_reliable")
      reliable.receive(packet("too old", { sequence: 1 }))
      yield* TestClock.adjust("1 second")
      reliable.receive(packet("kept", { sequence: 2 }))
      reliable.receive(packet("for bob", { sequence: 3, destinationIdentities: ["bob"] }))
      alice.channel("_lossy").receive(packet("lossy"))
      yield* TestClock.adjust("1001 millis")
      reliable.receive(packet("fresh", { sequence: 4 }))
      assert.deepStrictEqual(late.received(), [])
      yield* late.connect
      assert.deepStrictEqual(payloads(late.received()), ["kept", "fresh"])
      reliable.receive(packet("live", { sequence: 5 }))
      assert.deepStrictEqual(payloads(late.received()), ["kept", "fresh", "live"])
      assert.deepStrictEqual(late.received("_lossy"), [])
    })
  )

  on(
    "with one peer connection gets them on the channel that it opens",
    Effect.gen(function* () {
      const { alice, dial, made } = yield* pair
      const signal = yield* dial("late", { join_request: joinRequest() })
      const publisher = made.at(-1)
      alice.channel("_reliable").receive(packet("x"))
      const [reliable, lossy] = [new FakeChannel("_reliable"), new FakeChannel("_lossy")]
      publisher?.handlers.onDataChannel(lossy)
      publisher?.handlers.onDataChannel(new FakeChannel("other"))
      lossy.open()
      publisher?.handlers.onDataChannel(reliable)
      assert.deepStrictEqual(reliable.sent, [])
      reliable.open()
      alice.channel("_reliable").receive(packet("y"))
      alice.channel("_lossy").receive(packet("z"))
      assert.deepStrictEqual(payloads(reliable.sent), ["x", "y"])
      assert.deepStrictEqual(payloads(lossy.sent), ["z"])
      assert.strictEqual(publisher?.opened.size, 0)
      assert.isUndefined(signal.closeCode())
    })
  )

  on(
    "and may not subscribe gets them so too",
    Effect.gen(function* () {
      const { alice, join } = yield* pair
      const late = yield* join("late", { grant: { canSubscribe: false } })
      alice.channel("_reliable").receive(packet("x"))
      const channel = late.channel("_reliable")
      assert.deepStrictEqual(payloads(channel.sent), ["x"])
      assert.strictEqual(late.subscriber.opened.size, 0)
    })
  )

  it("is kept at most 100,000 bytes of the last two seconds, the newest", () => {
    const arrivals = FastCheck.array(
      FastCheck.record({ size: FastCheck.nat({ max: 60_000 }), wait: FastCheck.nat({ max: 1_500 }) }),
      { maxLength: 30 }
    )
    FastCheck.assert(
      FastCheck.property(arrivals, (all) => {
        const backlog = new JoinBacklog()
        let now = 0
        const added = all.map(({ size, wait }) => {
          now += wait
          const bytes = new Uint8Array(size)
          backlog.add(bytes, now)
          return { bytes, at: now }
        })
        const taken = backlog.take(now)
        const expected: Array<Uint8Array> = []
        let size = 0
        for (const { at, bytes } of added.toReversed()) {
          size += bytes.length
          if (size > 100_000 || now - at > 2_000) break
          expected.unshift(bytes)
        }
        assert.isTrue(taken.length === expected.length && taken.every((bytes, index) => bytes === expected[index]))
        assert.deepStrictEqual(backlog.take(now), [])
      })
    )
  })
})

describe("forwarding, whatever is sent", () => {
  const anyText = FastCheck.string({ maxLength: 5 })
  const anyPacket = FastCheck.record({
    sequence: FastCheck.nat({ max: 20 }),
    kind: FastCheck.constantFrom(DataPacket_Kind.RELIABLE, DataPacket_Kind.LOSSY),
    participantSid: anyText,
    participantIdentity: anyText,
    destinationIdentities: FastCheck.array(FastCheck.constantFrom("a", "b", "c"), { maxLength: 3 }),
    payload: anyText,
    channel: FastCheck.constantFrom("reliable" as const, "lossy" as const)
  })
  const sender = (): forward.SenderState => ({
    sid: "PA_1",
    identity: "sender",
    canPublishData: true,
    isAgent: false,
    lastSequence: 0
  })

  it("keeps reliable sequences rising, overwrites the sender, and keeps payload, sequence and destinations", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(anyPacket, { maxLength: 60 }), (sent) => {
        const state = sender()
        const nonces = new RecentNonces()
        let last = 0
        for (const { channel, payload, ...fields } of sent) {
          const bytes = new DataPacket({ ...fields, value: user(payload) }).toBinary()
          const forwarded = forward.accept(state, nonces, channel, bytes)
          const isLate = channel === "reliable" && fields.sequence > 0 && fields.sequence <= last
          assert.strictEqual(forwarded === undefined, isLate)
          if (forwarded === undefined) continue
          if (channel === "reliable") last = Math.max(last, fields.sequence)
          const received = DataPacket.fromBinary(forwarded.bytes)
          assert.strictEqual(state.lastSequence, last)
          assert.strictEqual(payloadOf(received), payload)
          assert.deepInclude(received, {
            sequence: fields.sequence,
            kind: channel === "reliable" ? DataPacket_Kind.RELIABLE : DataPacket_Kind.LOSSY,
            participantSid: "PA_1",
            participantIdentity: "sender",
            destinationIdentities: fields.destinationIdentities
          })
          const named: ReadonlyArray<string> = fields.destinationIdentities
          for (const identity of ["a", "b", "c", "d"]) {
            const expected = named.length === 0 || named.includes(identity)
            assert.strictEqual(forwarded.isFor({ identity, sid: "PA_2" }), expected)
          }
        }
      })
    )
  })

  it("survives any bytes", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 60 }), (bytes) => {
        const state = sender()
        const forwarded = forward.accept(state, new RecentNonces(), "reliable", bytes)
        if (forwarded === undefined) return
        assert.strictEqual(DataPacket.fromBinary(forwarded.bytes).participantSid, "PA_1")
      })
    )
    const silent = { ...sender(), canPublishData: false }
    assert.isUndefined(forward.accept(silent, new RecentNonces(), "lossy", packet("x").toBinary()))
    assert.strictEqual(silent.lastSequence, 0)
  })
})
