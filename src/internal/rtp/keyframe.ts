/**
 * Whether an RTP payload begins a picture that needs no other, which is where a stream may be entered.
 */
import type { RtpCodec } from "../../RtpTrack.ts"
import * as Vp8 from "./Vp8.ts"

/** RFC 9628: the beginning of a frame that is predicted from no other one. */
const vp9 = ([first = 0]: Uint8Array): boolean => (first & 0x48) === 0x08

const intra = new Set([5, 7])

/** RFC 6184: a slice of an IDR picture or the parameters before it, alone, as one of several, or the first part of one. */
const h264 = (payload: Uint8Array): boolean => {
  const type = (payload[0] ?? 0) & 0x1f
  if (type === 28) return ((payload[1] ?? 0) & 0x80) !== 0 && intra.has((payload[1] ?? 0) & 0x1f)
  if (type !== 24) return intra.has(type)
  for (let at = 1; at + 2 < payload.length;) {
    if (intra.has((payload[at + 2] ?? 0) & 0x1f)) return true
    at += 2 + ((payload[at] ?? 0) << 8) + (payload[at + 1] ?? 0)
  }
  return false
}

export const begins = (codec: RtpCodec, payload: Uint8Array): boolean =>
  codec === "opus" ||
  (codec === "VP8" ? Vp8.read(payload).beginsKeyframe : codec === "VP9" ? vp9(payload) : h264(payload))
