import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as FastCheck from "fast-check"
import { RtpTrack } from "effect-livekit/node"
import * as RtcpPacket from "../src/internal/rtp/RtcpPacket.ts"
import * as RtpPacket from "../src/internal/rtp/RtpPacket.ts"

const packet = (options: {
  readonly sequence: number
  readonly timestamp: number
  readonly payload: Uint8Array
  readonly extension?: Uint8Array
  readonly marker?: boolean
  readonly contributors?: number
}) => {
  const { contributors = 0, extension, marker = false, payload, sequence, timestamp } = options
  const head = Buffer.alloc(12 + 4 * contributors)
  head[0] = 0x80 | contributors | (extension === undefined ? 0 : 0x10)
  head[1] = (marker ? 0x80 : 0) | 96
  head.writeUInt16BE(sequence, 2)
  head.writeUInt32BE(timestamp, 4)
  head.writeUInt32BE(0xdead, 8)
  if (extension === undefined) return Buffer.concat([head, payload])
  const padded = Buffer.alloc(4 + 4 * Math.ceil(extension.length / 4))
  padded.writeUInt16BE(0xbede, 0)
  padded.writeUInt16BE(Math.ceil(extension.length / 4), 2)
  padded.set(extension, 4)
  return Buffer.concat([head, padded, payload])
}

const arbitrary = FastCheck.record({
  sequence: FastCheck.integer({ min: 0, max: 0xffff }),
  timestamp: FastCheck.integer({ min: 0, max: 0xffffffff }),
  payload: FastCheck.uint8Array({ maxLength: 64 }),
  extension: FastCheck.uint8Array({ maxLength: 30 }),
  marker: FastCheck.boolean(),
  contributors: FastCheck.integer({ min: 0, max: 15 })
})

describe("RtpPacket.rewrite", () => {
  it("keeps payload, marker and counting, and leaves out header extensions", () => {
    FastCheck.assert(
      FastCheck.property(arbitrary, (fields) => {
        const rewritten = RtpPacket.rewrite(packet(fields), 111, RtpPacket.numbering(7))
        assert.isDefined(rewritten)
        const { extension: _, ...plain } = fields
        const expected = packet(plain)
        expected[1] = (fields.marker ? 0x80 : 0) | 111
        expected.writeUInt32BE(7, 8)
        assert.deepStrictEqual(Buffer.from(rewritten), expected)
      })
    )
  })

  it("goes on counting when another source takes over, past the wrap too", () => {
    FastCheck.assert(
      FastCheck.property(arbitrary, arbitrary, (before, after) => {
        const numbers = RtpPacket.numbering(7)
        const last = Buffer.from(RtpPacket.rewrite(packet(before), 111, numbers) ?? [])
        numbers.isNewSource = true
        const first = Buffer.from(RtpPacket.rewrite(packet(after), 111, numbers) ?? [])
        assert.strictEqual(first.readUInt16BE(2), (last.readUInt16BE(2) + 1) & 0xffff)
        assert.isBelow((first.readUInt32BE(4) - last.readUInt32BE(4)) >>> 0, 48_000)
        const next = packet({ ...after, sequence: (after.sequence + 3) & 0xffff })
        const second = Buffer.from(RtpPacket.rewrite(next, 111, numbers) ?? [])
        assert.strictEqual((second.readUInt16BE(2) - first.readUInt16BE(2)) & 0xffff, 3)
      })
    )
  })

  it("passes nothing on that is cut short, and survives any garbage", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 64 }), (bytes) => {
        RtcpPacket.parse(bytes)
        RtpPacket.extensions(bytes)
        if (!RtpPacket.isRtp(bytes)) return
        const rewritten = RtpPacket.rewrite(bytes, 111, RtpPacket.numbering(7))
        assert.isTrue(rewritten === undefined || rewritten.length <= bytes.length)
      })
    )
    const cut = packet({ sequence: 1, timestamp: 1, payload: new Uint8Array(), extension: new Uint8Array(8) })
    assert.isUndefined(RtpPacket.rewrite(cut.subarray(0, 18), 111, RtpPacket.numbering(7)))
  })
})

describe("a source of packets", () => {
  it.effect("hands on what is RTP, to all who read, and drops what is not", () =>
    Effect.gen(function* () {
      const source = yield* RtpTrack.source("opus")
      const good = packet({ sequence: 1, timestamp: 1, payload: Uint8Array.of(1, 2, 3) })
      const reading = yield* Effect.forkChild(Stream.runCollect(Stream.take(RtpTrack.packets(source.track), 1)))
      yield* Effect.yieldNow
      for (const garbage of [
        new Uint8Array(),
        Uint8Array.of(0x80),
        new Uint8Array(40),
        Uint8Array.of(0x80, 200, 0, 0)
      ]) {
        source.write(garbage)
      }
      source.write(good)
      assert.deepStrictEqual(yield* Fiber.join(reading), [good])
      source.track.requestKeyframe()
      assert.strictEqual((yield* Stream.runCollect(Stream.take(source.keyframeRequests, 1))).length, 1)
    })
  )

  it.effect("is not to be read where it is a track of another runtime", () =>
    Effect.gen(function* () {
      const other = { id: "other", kind: "audio", enabled: true }
      const { reason } = yield* Effect.flip(Stream.runDrain(RtpTrack.packets(other)))
      assert.strictEqual(reason._tag, "Unsupported")
    })
  )
})
