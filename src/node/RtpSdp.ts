/**
 * Codecs in the descriptions of node-datachannel, which sends and receives packets as they are: no retransmission, no redundancy
 * and no header extensions are offered or taken, because nobody here would read them.
 */
import type { Audio, Video } from "node-datachannel"
import { type MediaDescription, parse, write } from "sdp-transform"
import type { MediaKind } from "../RtcMedia.ts"
import type { RtpCodec } from "./RtpTrack.ts"

const known: Readonly<Record<MediaKind, ReadonlyMap<RtpCodec, number>>> = {
  audio: new Map([["opus", 111]]),
  video: new Map([
    ["VP8", 96],
    ["H264", 102],
    ["VP9", 98]
  ])
}

/** What is offered: the codec of the source, or all. */
export const offered = (kind: MediaKind, wanted: RtpCodec | undefined): ReadonlyMap<RtpCodec, number> =>
  new Map([...known[kind]].filter(([codec]) => wanted === undefined || codec === wanted))

/** The codecs of a section that are known here, by their first payload type. */
export const codecs = ({ rtp, type }: MediaDescription): ReadonlyMap<RtpCodec, number> => {
  const found = new Map<RtpCodec, number>()
  if (type !== "audio" && type !== "video") return found
  for (const { codec, payload } of rtp) {
    for (const name of known[type].keys()) {
      if (name.toLowerCase() === codec.toLowerCase() && !found.has(name)) found.set(name, payload)
    }
  }
  return found
}

export const addCodecs = (media: Audio | Video, all: ReadonlyMap<RtpCodec, number>) => {
  for (const [codec, payloadType] of all) {
    if ("addOpusCodec" in media) media.addOpusCodec(payloadType)
    else if (codec === "VP8") media.addVP8Codec(payloadType)
    else if (codec === "VP9") media.addVP9Codec(payloadType)
    else media.addH264Codec(payloadType)
  }
}

const unanswered: ReadonlySet<string> = new Set(["transport-cc", "goog-remb"])

/** A description of ours without what is not understood here. */
export const plain = (sdp: string): string => {
  if (!/^m=(audio|video)/m.test(sdp)) return sdp
  const session = parse(sdp)
  for (const media of session.media) {
    if (media.type !== "audio" && media.type !== "video") continue
    const payloads = new Set(codecs(media).values())
    if (payloads.size === 0) continue
    const isKept = ({ payload }: { readonly payload: number | string }) => payloads.has(Number(payload))
    media.payloads = [...payloads].join(" ")
    media.rtp = media.rtp.filter(isKept)
    media.fmtp = media.fmtp.filter(isKept)
    media.rtcpFb = (media.rtcpFb ?? []).filter((feedback) => isKept(feedback) && !unanswered.has(feedback.type))
    media.ext = []
  }
  return write(session)
}
