/**
 * What is answered to an offer of several encodings by a runtime that receives only one of a track. Without a word about them the
 * far end would send the first, which is the smallest (RFC 8853, and libwebrtc).
 */
import { parse, write } from "sdp-transform"

/** The answer with the largest encoding taken of those tracks of which it takes none. */
export const takeLargest = (offered: string, answer: string): string => {
  if (!/^a=simulcast:/m.test(offered)) return answer
  const largest = new Map(
    parse(offered).media.flatMap(({ mid, simulcast }) => {
      const list =
        simulcast?.dir1 === "send" ? simulcast.list1 : simulcast?.dir2 === "send" ? simulcast.list2 : undefined
      // Of alternatives the first; one that is paused begins with a tilde.
      // The library makes a number of what looks like one.
      const rid =
        String(list ?? "")
          .split(";")
          .at(-1)
          ?.split(",")[0]
          ?.replace(/^~/, "") ?? ""
      return rid === "" ? [] : [[String(mid), rid] as const]
    })
  )
  const session = parse(answer)
  for (const media of session.media) {
    const rid = largest.get(String(media.mid))
    if (rid === undefined || media.port === 0 || media.simulcast !== undefined) continue
    media.rids = [{ id: rid, direction: "recv" }]
    media.simulcast = { dir1: "recv", list1: rid }
  }
  return write(session)
}
