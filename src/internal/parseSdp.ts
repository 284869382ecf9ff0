/**
 * Reads a session description. The library makes numbers of values that look like some, and of a description that was damaged
 * any value may: what is text in the grammar is text here.
 */
import { parse, type SessionDescription } from "sdp-transform"

export const parseSdp = (sdp: string): SessionDescription => {
  const session = parse(sdp)
  for (const { fmtp, rtp } of session.media) {
    for (const map of rtp) map.codec = String(map.codec)
    for (const line of fmtp) line.config = String(line.config)
  }
  return session
}

/** Whether a description has the form of one, whatever it says: lines of a letter and a value, and sections with their four parts. */
export const isReadable = (sdp: string): boolean =>
  sdp
    .split(/\r?\n/)
    .every((line) => line === "" || (/^[a-z]=/.test(line) && (!line.startsWith("m=") || line.split(" ").length >= 4)))
