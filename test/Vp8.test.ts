import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as keyframe from "../src/internal/rtp/keyframe.ts"
import * as Vp8 from "../src/internal/rtp/Vp8.ts"

/** A payload with both counts and a layer, that begins a picture. */
const payload = (pictureId: number, baseId: number, options: { key?: boolean; begins?: boolean } = {}) => {
  const { begins = true, key = false } = options
  const first = begins ? 0x90 : 0x80
  return Uint8Array.of(first, 0xe0, 0x80 | (pictureId >> 8), pictureId & 0xff, baseId, 0x20, key ? 0x10 : 0x11, 1, 2)
}

describe("Vp8", () => {
  it("knows where a key frame begins, with and without counts", () => {
    assert.isTrue(Vp8.read(payload(1, 1, { key: true })).beginsKeyframe)
    assert.isTrue(Vp8.read(Uint8Array.of(0x10, 0x10)).beginsKeyframe)
    assert.isTrue(Vp8.read(Uint8Array.of(0x90, 0x80, 0x05, 0x10)).beginsKeyframe)
    assert.isFalse(Vp8.read(payload(1, 1)).beginsKeyframe)
    assert.isFalse(Vp8.read(payload(1, 1, { key: true, begins: false })).beginsKeyframe)
    assert.isFalse(Vp8.read(Uint8Array.of(0x11, 0x10)).beginsKeyframe, "another partition than the first")
    assert.isFalse(Vp8.read(Uint8Array.of(0x10)).beginsKeyframe)
  })

  it("lets the counts go on where another encoding of the same pictures takes over, round their ends too", () => {
    const id = FastCheck.integer({ min: 0, max: 0x7fff })
    const base = FastCheck.integer({ min: 0, max: 0xff })
    FastCheck.assert(
      FastCheck.property(id, base, id, base, (beforeId, beforeBase, afterId, afterBase) => {
        const numbers = Vp8.numbering()
        const counts = (bytes: Uint8Array, isNew: boolean) => {
          Vp8.renumber(bytes, numbers, isNew)
          return [(((bytes[2] ?? 0) & 0x7f) << 8) | (bytes[3] ?? 0), bytes[4] ?? 0] as const
        }
        assert.deepStrictEqual(counts(payload(beforeId, beforeBase), true), [beforeId, beforeBase])
        const next = [(beforeId + 1) & 0x7fff, (beforeBase + 1) & 0xff] as const
        assert.deepStrictEqual(counts(payload(afterId, afterBase, { key: true }), true), next)
        assert.deepStrictEqual(counts(payload(afterId, afterBase), false), next, "another packet of the same picture")
      })
    )
  })

  it("survives any garbage", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 12 }), (bytes) => {
        const { length } = bytes
        Vp8.renumber(bytes, Vp8.numbering(), true)
        for (const codec of ["opus", "VP8", "VP9", "H264"] as const) keyframe.begins(codec, bytes)
        assert.strictEqual(bytes.length, length)
      })
    )
  })
})

describe("a picture that needs no other", () => {
  it("is known in H264, alone, among others, and in parts", () => {
    assert.isTrue(keyframe.begins("H264", Uint8Array.of(0x65, 1)), "IDR")
    assert.isTrue(keyframe.begins("H264", Uint8Array.of(0x67, 1)), "its parameters")
    assert.isTrue(keyframe.begins("H264", Uint8Array.of(0x78, 0, 2, 0x09, 0, 0, 2, 0x65, 0)), "second of two")
    assert.isTrue(keyframe.begins("H264", Uint8Array.of(0x7c, 0x85)), "first part")
    assert.isFalse(keyframe.begins("H264", Uint8Array.of(0x7c, 0x05)), "a later part")
    assert.isFalse(keyframe.begins("H264", Uint8Array.of(0x61, 1)))
  })

  it("is known in VP9, and any packet of Opus will do", () => {
    assert.isTrue(keyframe.begins("VP9", Uint8Array.of(0x88)))
    assert.isFalse(keyframe.begins("VP9", Uint8Array.of(0xc8)), "predicted from another")
    assert.isFalse(keyframe.begins("VP9", Uint8Array.of(0x80)), "a later part")
    assert.isTrue(keyframe.begins("opus", new Uint8Array()))
  })
})
