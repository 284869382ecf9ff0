/**
 * The one section of a native peer connection through which the packets of all sections go.
 */

/** Its mid. */
export const mid = "carrier"

const isMedia = (part: string) => /^m=(audio|video)/.test(part)
const shared = /^a=(?:setup|ice-ufrag|ice-pwd|fingerprint|ice-options|candidate|end-of-candidates).*$/gm

/** A description of the far end as libdatachannel gets it: one section instead of all those of media. */
export const toNative = (sdp: string): string => {
  const [session = "", ...parts] = sdp.split(/^(?=m=)/m)
  const media = parts.filter(isMedia)
  if (media.length === 0) return sdp
  const others = parts.filter((part) => !isMedia(part))
  // Without a bundle all sections have the same transport in what is passed here.
  const bundled = others[0] ?? media.find((part) => !/^m=\w+ 0 /.test(part)) ?? media[0] ?? ""
  const mids = [...others.flatMap((part) => /^a=mid:(\S+)/m.exec(part)?.[1] ?? []), mid]
  const section = [
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
    `a=mid:${mid}`,
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:96 VP8/90000",
    ...(bundled.match(shared) ?? []).map((line) => line.trim()),
    ""
  ].join("\r\n")
  return [session.replace(/^a=group:BUNDLE.*$/m, `a=group:BUNDLE ${mids.join(" ")}`), ...others, section].join("")
}
