import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as Reception from "../src/internal/rtp/Reception.ts"
import * as RtcpPacket from "../src/internal/rtp/RtcpPacket.ts"

const word = FastCheck.integer({ min: 0, max: 0xffffffff })
const block = FastCheck.record({
  ssrc: word,
  fractionLost: FastCheck.integer({ min: 0, max: 255 }),
  packetsLost: FastCheck.integer({ min: -0x800000, max: 0x7fffff }),
  sequence: word,
  jitter: word,
  lastReport: word,
  delay: word
})

describe("RtcpPacket", () => {
  it("reads what it writes, one after the other in a compound packet", () => {
    FastCheck.assert(
      FastCheck.property(
        word,
        word,
        FastCheck.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        block,
        (ssrc, other, ntp, block) => {
          const bytes = Buffer.concat([
            RtcpPacket.senderReport({ ssrc, moment: { ntp, timestamp: other }, packets: 3, octets: 4 }),
            RtcpPacket.receiverReport(ssrc, block),
            RtcpPacket.pictureLoss(ssrc, other),
            RtcpPacket.bandwidth(ssrc, other, 1_000_000)
          ])
          assert.deepStrictEqual(RtcpPacket.parse(bytes), [
            { _tag: "SenderReport", ssrc, ntp, timestamp: other },
            { _tag: "Block", ...block },
            { _tag: "KeyframeRequest", ssrc: other }
          ])
        }
      )
    )
  })

  it("reads a request for several streams (FIR), and leaves out what is cut short", () => {
    const fir = Buffer.from("84ce0006000000010000000000000007010000000000000902000000", "hex")
    assert.deepStrictEqual(RtcpPacket.parse(fir), [
      { _tag: "KeyframeRequest", ssrc: 7 },
      { _tag: "KeyframeRequest", ssrc: 9 }
    ])
    assert.deepStrictEqual(RtcpPacket.parse(fir.subarray(0, 20)), [])
  })

  it("survives any garbage", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 80 }), (bytes) => {
        assert.isAtMost(RtcpPacket.parse(bytes).length, bytes.length / 4)
      })
    )
  })

  it("says at most the bandwidth that it was given, and nearly that", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 1, max: 2_000_000_000 }), (bitrate) => {
        const view = new DataView(RtcpPacket.bandwidth(1, 2, bitrate).buffer)
        const said = (view.getUint32(16) & 0x3ffff) * 2 ** ((view.getUint32(16) >> 18) & 0x3f)
        assert.isTrue(said <= bitrate && said > bitrate * 0.999 - 1)
      })
    )
  })

  it("counts time from 1900", () => {
    assert.strictEqual(RtcpPacket.ntpOf(0), 2_208_988_800n << 32n)
    assert.strictEqual(RtcpPacket.ntpOf(1_500) - RtcpPacket.ntpOf(1_000), 1n << 31n)
  })
})

describe("Reception", () => {
  /** Packets of a 20 ms pace with these sequences, each as late as told. */
  const receive = (sequences: ReadonlyArray<number>, late: (index: number) => number = () => 0) => {
    const reception = Reception.make(sequences[0] ?? 0)
    sequences.forEach((sequence, index) => {
      const timestamp = (index * 960) >>> 0
      Reception.received(reception, { sequence: sequence & 0xffff, timestamp, bytes: 100 }, timestamp + late(index))
    })
    return reception
  }

  it("reports what is missing since the report before, and in all", () => {
    const reception = receive([1, 2, 3, 4, 6, 8, 9, 10])
    const first = Reception.report(reception, 7, 0)
    assert.deepInclude(first, { ssrc: 7, packetsLost: 2, fractionLost: Math.floor((2 * 256) / 10), sequence: 10 })
    for (const sequence of [11, 12]) Reception.received(reception, { sequence, timestamp: 0, bytes: 1 }, 0)
    assert.deepInclude(Reception.report(reception, 7, 0), { packetsLost: 2, fractionLost: 0, sequence: 12 })
  })

  it("is right whatever the order, round the end of the numbers too", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 0, max: 0xffff }),
        FastCheck.integer({ min: 1, max: 200 }),
        (first, count) => {
          const sequences = Array.from({ length: count }, (_, index) => first + (index % 2 === 0 ? index : index - 1))
          const swapped = sequences.map((sequence, index) => (index > 1 && index % 4 === 2 ? sequence + 1 : sequence))
          const reception = receive([first, ...swapped.slice(1)])
          assert.isAtLeast(reception.highest, first)
          assert.isAtMost(reception.highest, first + count)
        }
      )
    )
    const wrapped = receive([0xfffe, 0xffff, 0x10000, 0x10001])
    assert.strictEqual(Reception.lost(wrapped), 0)
    assert.strictEqual(Reception.report(wrapped, 1, 0).sequence, 0x10001)
  })

  it("tells steady packets from unsteady ones", () => {
    assert.strictEqual(Reception.report(receive([1, 2, 3, 4, 5]), 1, 0).jitter, 0)
    assert.isAbove(
      Reception.report(
        receive([1, 2, 3, 4, 5], (index) => (index % 2) * 480),
        1,
        0
      ).jitter,
      50
    )
  })

  it("says when the sender was heard last, from which the sender sees how long the way is", () => {
    const reception = receive([1])
    Reception.reported(reception, 0x1234_5678_9abc_def0n, 1_000)
    assert.deepInclude(Reception.report(reception, 1, 1_500), { lastReport: 0x5678_9abc, delay: 32_768 })
  })
})
