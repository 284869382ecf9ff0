/**
 * Media sections in descriptions of who has raw RTP. Packets are sent and received as they are: no retransmission and no redundancy
 * is offered or taken, because nobody here would read them.
 */
import { type MediaDescription, parse, write } from "sdp-transform"
import type { Direction, MediaKind } from "../../RtcMedia.ts"
import type { RtpCodec } from "../../RtpTrack.ts"

interface Format {
  readonly payloadType: number
  readonly rate: number
  readonly channels?: number
  readonly parameters?: string
}

const known: Readonly<Record<MediaKind, ReadonlyMap<RtpCodec, Format>>> = {
  audio: new Map([
    [
      "opus",
      { payloadType: 111, rate: 48_000, channels: 2, parameters: "minptime=10;stereo=1;sprop-stereo=1;useinbandfec=1" }
    ]
  ]),
  video: new Map<RtpCodec, Format>([
    ["VP8", { payloadType: 96, rate: 90_000 }],
    [
      "H264",
      {
        payloadType: 102,
        rate: 90_000,
        parameters: "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"
      }
    ],
    ["VP9", { payloadType: 98, rate: 90_000, parameters: "profile-id=0" }]
  ])
}

/** Header extensions that are read here. */
const extensionUris = {
  mid: "urn:ietf:params:rtp-hdrext:sdes:mid",
  rid: "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
  level: "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
} as const

/** Their ids, where they are in use. */
export type Extensions = { readonly [name in keyof typeof extensionUris]?: number }

/** What both sides have said about a section. */
export interface Terms {
  /** By payload type at the far end. */
  readonly codecs: ReadonlyMap<RtpCodec, number>
  readonly parameters: ReadonlyMap<number, string>
  readonly extensions: Extensions
  /** Encodings that the far end sends side by side, from the smallest to the largest; by their SSRC where they have no name. */
  readonly rids: ReadonlyArray<string>
  readonly ssrcs: ReadonlyMap<number, string | undefined>
}

/** What is offered: the codec of the source, or all. */
export const offered = (kind: MediaKind, wanted: RtpCodec | undefined): Terms => {
  const codecs = new Map<RtpCodec, number>()
  for (const [codec, { payloadType }] of known[kind]) {
    if (wanted === undefined || codec === wanted) codecs.set(codec, payloadType)
  }
  return {
    codecs,
    parameters: new Map(),
    extensions: kind === "audio" ? { mid: 4, level: 1 } : { mid: 4 },
    rids: [],
    ssrcs: new Map()
  }
}

const layerNames = ["q", "h", "f"]

/** What is taken of a section of the far end. */
export const terms = (media: MediaDescription): Terms => {
  const codecs = new Map<RtpCodec, number>()
  const formats = media.type === "audio" || media.type === "video" ? known[media.type] : new Map<RtpCodec, Format>()
  for (const { codec, payload } of media.rtp) {
    for (const name of formats.keys()) {
      if (name.toLowerCase() === codec.toLowerCase() && !codecs.has(name)) codecs.set(name, payload)
    }
  }
  const idOf = (uri: string) => media.ext?.find((one) => one.uri === uri)?.value
  const extensions = Object.fromEntries(
    Object.entries(extensionUris).flatMap(([name, uri]) => (idOf(uri) === undefined ? [] : [[name, idOf(uri)]]))
  )
  const group = media.ssrcGroups?.find(({ semantics }) => semantics === "SIM")
  // The library makes a number of what looks like one.
  const grouped = group === undefined ? [] : String(group.ssrcs).split(" ")
  const layerOf = new Map(grouped.map((ssrc, index) => [Number(ssrc), layerNames[index]]))
  const sent = media.rids?.filter(({ direction }) => direction === "send").map(({ id }) => String(id)) ?? []
  return {
    codecs,
    parameters: new Map(media.fmtp.map(({ config, payload }) => [payload, config])),
    extensions,
    // One encoding alone is no choice.
    rids: sent.length > 1 ? sent : grouped.length > 1 ? layerNames.slice(0, grouped.length) : [],
    ssrcs: new Map((media.ssrcs ?? []).map(({ id }) => [Number(id), layerOf.get(Number(id))]))
  }
}

/** The transport that all sections share, as a native description has it. */
export type Transport = Pick<MediaDescription, "setup" | "iceUfrag" | "icePwd" | "fingerprint">

/** A section of ours. Without codecs it is rejected. */
export const section = (options: {
  readonly mid: string
  readonly kind: MediaKind
  readonly direction: Direction
  readonly terms: Terms
  readonly isAnswer: boolean
  readonly transport: Transport
  /** What is sent in it. */
  readonly sent: { readonly ssrc: number; readonly trackId: string } | undefined
}): MediaDescription => {
  const { direction, isAnswer, kind, mid, sent, terms } = options
  const codecs = [...terms.codecs].flatMap(([codec, payload]) => {
    const format = known[kind].get(codec)
    return format === undefined ? [] : [{ codec, payload, format }]
  })
  const isRejected = codecs.length === 0
  const receives = direction === "recvonly" || direction === "sendrecv"
  const hasNames = isAnswer && receives && terms.rids.length > 0 && terms.extensions.rid !== undefined
  return {
    type: kind,
    port: isRejected ? 0 : 9,
    protocol: "UDP/TLS/RTP/SAVPF",
    payloads: isRejected ? "0" : codecs.map(({ payload }) => payload).join(" "),
    connection: { version: 4, ip: "0.0.0.0" },
    ...options.transport,
    mid,
    direction: isRejected ? "inactive" : direction,
    rtcpMux: "rtcp-mux",
    rtcpRsize: "rtcp-rsize",
    ext: Object.entries(extensionUris).flatMap(([name, uri]) => {
      const value = Object.entries(terms.extensions).find(([other]) => other === name)?.[1]
      return value === undefined ? [] : [{ value, uri }]
    }),
    rtp: codecs.map(({ codec, format, payload }) => ({
      payload,
      codec,
      rate: format.rate,
      ...(format.channels === undefined ? {} : { encoding: format.channels })
    })),
    fmtp: codecs.flatMap(({ codec, format, payload }) => {
      const config = codec === "opus" ? format.parameters : (terms.parameters.get(payload) ?? format.parameters)
      return config === undefined ? [] : [{ payload, config }]
    }),
    rtcpFb:
      kind === "audio"
        ? []
        : codecs.flatMap(({ payload }) => [
            { payload, type: "nack", subtype: "pli" },
            { payload, type: "ccm", subtype: "fir" },
            ...(hasNames ? [{ payload, type: "goog-remb" }] : [])
          ]),
    ...(hasNames
      ? {
          rids: terms.rids.map((id) => ({ id, direction: "recv" })),
          simulcast: { dir1: "recv", list1: terms.rids.join(";") }
        }
      : {}),
    ...(sent === undefined
      ? {}
      : {
          msid: [{ id: sent.trackId, appdata: sent.trackId }],
          ssrcs: [
            { id: sent.ssrc, attribute: "cname", value: `cname-${sent.trackId}` },
            { id: sent.ssrc, attribute: "msid", value: `${sent.trackId} ${sent.trackId}` }
          ]
        })
  }
}

/** A description with our sections of media instead of those that it has; `compose` says which, and in what order. */
export const withSections = (
  sdp: string,
  compose: (transport: Transport, application: MediaDescription | undefined) => ReadonlyArray<MediaDescription>
): string => {
  const session = parse(sdp)
  const first = session.media[0]
  if (first === undefined) return sdp
  const { fingerprint, icePwd, iceUfrag, setup } = first
  const transport: Transport = {
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(icePwd === undefined ? {} : { icePwd }),
    ...(iceUfrag === undefined ? {} : { iceUfrag }),
    ...(setup === undefined ? {} : { setup })
  }
  session.media = [
    ...compose(
      transport,
      session.media.find(({ type }) => type === "application")
    )
  ]
  const mids = session.media.filter(({ port }) => port !== 0).map(({ mid }) => mid)
  session.groups = [{ type: "BUNDLE", mids: mids.join(" ") }]
  return write(session)
}
