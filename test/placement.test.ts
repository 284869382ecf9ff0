import { assert, describe, it } from "@effect/vitest"
import * as placement from "../src/internal/rtp/placement.ts"
import type { Terms } from "../src/internal/rtp/RtpSdp.ts"

const section = (mid: string, terms: Partial<Terms>, isSending = true) => ({
  mid,
  terms: {
    codecs: new Map([["VP8", 96] as const]),
    parameters: new Map(),
    extensions: {},
    rids: [],
    ssrcs: new Map(),
    ...terms
  } satisfies Terms,
  remote: { isSending }
})
/** VP8 of an SSRC, with header extensions of one byte each. */
const packet = (ssrc: number, extensions: Readonly<Record<number, string>> = {}) => {
  const data = Buffer.concat(
    Object.entries(extensions).flatMap(([id, text]) => [
      Buffer.of((Number(id) << 4) | (text.length - 1)),
      Buffer.from(text)
    ])
  )
  const words = Math.ceil(data.length / 4)
  const bytes = Buffer.alloc(16 + 4 * words)
  bytes.set([0x90, 96])
  bytes.writeUInt32BE(ssrc, 8)
  bytes.writeUInt16BE(0xbede, 12)
  bytes.writeUInt16BE(words, 14)
  bytes.set(data, 16)
  return bytes
}
const place = (bytes: Uint8Array, ...sections: ReadonlyArray<ReturnType<typeof section>>) => {
  const placed = placement.of(bytes, sections)
  return placed === undefined ? undefined : [placed.section.mid, placed.rid]
}

describe("a packet", () => {
  const named = { extensions: { mid: 4, rid: 5 }, rids: ["q", "f"] }

  it("is of the section that has announced its SSRC, whatever else fits, and of the layer with it", () => {
    const layers = new Map([
      [7, "q"],
      [8, "f"]
    ])
    assert.deepStrictEqual(place(packet(8), section("0", {}), section("1", { ssrcs: layers })), ["1", "f"])
    assert.deepStrictEqual(place(packet(9), section("1", { ssrcs: new Map([[9, undefined]]) })), ["1", undefined])
  })

  it("is of the section and the layer that it names", () => {
    assert.deepStrictEqual(place(packet(1, { 4: "1", 5: "f" }), section("0", named), section("1", named)), ["1", "f"])
  })

  it("is of no section when it names one that is not described, or does not send", () => {
    assert.isUndefined(place(packet(1, { 4: "2" }), section("0", named)))
    assert.isUndefined(place(packet(1), section("0", {}, false)))
  })

  it("is taken to be of the only one that has its payload type", () => {
    const other = section("0", { codecs: new Map([["VP9", 98] as const]) })
    assert.deepStrictEqual(place(packet(1), other, section("1", {})), ["1", undefined])
    assert.isUndefined(place(packet(1), section("0", {}), section("1", {})))
  })
})
