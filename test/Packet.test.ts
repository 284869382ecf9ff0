import { assert, describe, it } from "@effect/vitest"
import { DataPacket, DataPacket_Kind, RpcAck } from "@livekit/protocol"
import * as FastCheck from "fast-check"
import { Packet } from "effect-livekit"

const bytes = FastCheck.uint8Array({ maxLength: 300 })
const kind = FastCheck.constantFrom("reliable" as const, "lossy" as const)
const sequence = FastCheck.integer({ min: 0, max: 2 ** 32 - 1 })

const userOf = (value: DataPacket["value"]) =>
  value.case === "user" ? value.value : assert.fail(`got ${value.case} and not a user packet`)

describe("Packet", () => {
  it("arrives as it was made: payload, topic, nonce, kind, destinations and sequence", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.record({
          payload: bytes,
          topic: FastCheck.option(FastCheck.string(), { nil: undefined }),
          nonce: FastCheck.option(bytes, { nil: undefined }),
          kind,
          destinations: FastCheck.array(FastCheck.string({ minLength: 1 }), { maxLength: 3 }),
          sequence
        }),
        ({ destinations, kind, nonce, payload, sequence, topic }) => {
          const sent = Packet.encode(Packet.user(payload, { topic, nonce }), kind, destinations, sequence)
          const read = DataPacket.fromBinary(sent)
          assert.strictEqual(read.kind, kind === "reliable" ? DataPacket_Kind.RELIABLE : DataPacket_Kind.LOSSY)
          assert.deepStrictEqual(read.destinationIdentities, destinations)
          assert.strictEqual(read.sequence, sequence)
          const user = userOf(read.value)
          assert.deepStrictEqual(Array.from(user.payload), Array.from(payload))
          assert.strictEqual(user.topic, topic)
          assert.deepStrictEqual(Array.from(user.nonce), Array.from(nonce ?? []))
        }
      )
    )
  })

  it("carries payloads of every size that its lengths are written differently for, and leaves the packet as it was", () => {
    for (const size of [0, 1, 100, 127, 128, 16_383, 16_384, 60_000]) {
      const packet = Packet.user(new Uint8Array(size).fill(7), { topic: "t" })
      const read = DataPacket.fromBinary(Packet.encode(packet, "reliable", ["bob"], 5))
      assert.deepStrictEqual(userOf(read.value), userOf(packet))
      assert.strictEqual(userOf(packet).payload.length, size)
      assert.deepStrictEqual([read.sequence, read.destinationIdentities], [5, ["bob"]])
    }
  })

  it("sends text as UTF-8", () => {
    assert.deepStrictEqual(userOf(Packet.user("grüß 🌍")).payload, new TextEncoder().encode("grüß 🌍"))
  })

  it("takes no more of a larger buffer than the view shows, and copies shared memory", () => {
    const whole = new Uint8Array([1, 2, 3, 4, 5])
    const shared = new Uint8Array(new SharedArrayBuffer(3))
    shared.set([7, 8, 9])
    for (const { expected, view } of [
      { view: whole.subarray(1, 4), expected: [2, 3, 4] },
      { view: shared, expected: [7, 8, 9] }
    ]) {
      const packet = Packet.user(view, { nonce: view })
      assert.isTrue(userOf(packet).payload.buffer instanceof ArrayBuffer)
      const read = userOf(DataPacket.fromBinary(Packet.encode(packet, "reliable", [], 1)).value)
      assert.deepStrictEqual(Array.from(read.payload), expected)
      assert.deepStrictEqual(Array.from(read.nonce), expected)
    }
  })

  it("carries packets that are not the application's own", () => {
    const ack = new RpcAck({ requestId: "R1" })
    const read = DataPacket.fromBinary(Packet.encode({ case: "rpcAck", value: ack }, "reliable", [], 3))
    assert.isTrue(read.value.case === "rpcAck" && read.value.value.requestId === "R1")
  })

  it("changes nothing but the sequence when it is numbered anew", () => {
    FastCheck.assert(
      FastCheck.property(bytes, bytes, kind, sequence, sequence, (payload, nonce, kind, before, after) => {
        const packet = Packet.user(payload, { topic: "chat", nonce })
        const sent = Packet.encode(packet, kind, ["bob"], before)
        const kept = sent.slice()
        assert.deepStrictEqual(Packet.renumber(sent, after), Packet.encode(packet, kind, ["bob"], after))
        assert.deepStrictEqual(sent, kept)
      })
    )
  })

  it("keeps fields of a newer protocol when it is numbered anew", () => {
    // Field 4000, length-delimited, two bytes.
    const unknown = [0x82, 0xfa, 0x01, 0x02, 0xaa, 0xbb]
    const sent = new Uint8Array([...Packet.encode(Packet.user("x"), "reliable", [], 1), ...unknown])
    assert.include(Array.from(Packet.renumber(sent, 2)).join(), unknown.join())
  })
})
