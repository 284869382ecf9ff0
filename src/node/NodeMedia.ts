/**
 * Media of a native peer connection as raw RTP. libdatachannel has tracks and no transceivers: one for each section, whose
 * description is replaced by adding a track of the same name again.
 */
import * as Effect from "effect/Effect"
import type { PeerConnection, Track } from "node-datachannel"
import native from "node-datachannel"
import { parse } from "sdp-transform"
import { MediaFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import type { Direction, MediaKind, MediaTrack, RtcMedia, RtcTrackEvent, RtcTransceiver } from "../RtcMedia.ts"
import * as Sdp from "../Sdp.ts"
import { collectSoon } from "./collect.ts"
import * as RtpPacket from "./RtpPacket.ts"
import * as RtpSdp from "./RtpSdp.ts"
import { type RtpCodec, RtpTrack } from "./RtpTrack.ts"

export interface NodeMedia extends RtcMedia {
  /** The far end's description is in force: its sections, and what it sends. */
  readonly onRemote: (sdp: string) => void
  /** Before an answer: no direction is claimed that the offer does not have. */
  readonly prepareAnswer: () => void
  readonly close: () => void
}

interface Section {
  readonly mid: string
  readonly kind: MediaKind
  /** What we want; the far end may want less. */
  direction: Direction
  /** As it stands in the native description. */
  applied: Direction | undefined
  native: Track | undefined
  source: RtpTrack | undefined
  stopReading: (() => void) | undefined
  numbers: RtpPacket.Numbering
  /** Payload types at the far end. */
  codecs: ReadonlyMap<RtpCodec, number>
  remote: { readonly isSending: boolean; readonly isReceiving: boolean } | undefined
  received: RtpTrack | undefined
}

/** What no packet has; asks a track for its only codec. */
const noPayloadType = -1

const directions: Readonly<Record<Direction, "SendRecv" | "SendOnly" | "RecvOnly" | "Inactive">> = {
  sendrecv: "SendRecv",
  sendonly: "SendOnly",
  recvonly: "RecvOnly",
  inactive: "Inactive"
}

const refuse = (step: MediaFailed["step"], cause: unknown) =>
  new PeerConnectionError({ reason: new MediaFailed({ step, cause }) })

const attempt = <A>(step: MediaFailed["step"], evaluate: () => A) =>
  Effect.try({ try: evaluate, catch: (cause) => refuse(step, cause) })

export const make = (
  peer: PeerConnection,
  options: {
    /** Any number of 32 bits that no other stream has. */
    readonly nextSsrc: () => number
    readonly onTrack: (event: RtcTrackEvent) => void
  }
): NodeMedia => {
  const sections = new Map<string, Section>()
  /** A native track that is collected is closed with it. */
  const held: Array<Track> = []
  const self = { isClosed: false, count: 0 }

  const send = (section: Section) => (packet: Uint8Array) => {
    const { codecs, native: track, numbers, source } = section
    if (source === undefined || !source.enabled || track?.isOpen() !== true) return
    const codec = source.codecOf(RtpPacket.payloadType(packet))
    const payloadType = codec === undefined ? undefined : codecs.get(codec)
    if (payloadType === undefined) return
    const rewritten = RtpPacket.rewrite(packet, payloadType, numbers)
    if (rewritten !== undefined) track.sendMessageBinary(Buffer.from(rewritten))
  }
  const receive = (section: Section) => (packet: Buffer) => {
    if (self.isClosed) return
    if (!RtpPacket.isRtcp(packet)) section.received?.write(new Uint8Array(packet))
    else if (RtpPacket.asksForKeyframe(packet)) section.source?.requestKeyframe()
  }
  const adopt = (section: Section, track: Track) => {
    held.push(track)
    section.native = track
    track.onMessage(receive(section))
  }
  const listen = (section: Section) => {
    if (section.native !== undefined) section.native.setMediaHandler(new native.RtcpReceivingSession())
  }

  /** Writes a section into the native description. */
  const apply = (section: Section, direction: Direction) => {
    if (section.applied === direction) return
    section.applied = direction
    const { kind, mid, source } = section
    const media =
      kind === "audio" ? new native.Audio(mid, directions[direction]) : new native.Video(mid, directions[direction])
    const wanted = source?.codecOf(noPayloadType)
    const codecs = section.remote === undefined ? RtpSdp.offered(kind, wanted) : section.codecs
    RtpSdp.addCodecs(media, codecs)
    if (direction === "sendonly" || direction === "sendrecv") {
      section.numbers = RtpPacket.numbering(options.nextSsrc())
      const id = source?.id ?? mid
      media.addSSRC(section.numbers.ssrc, `cname-${id}`, id, id)
    }
    adopt(section, peer.addTrack(media))
    if (direction === "recvonly") listen(section)
  }

  const sectionOf = (mid: string, kind: MediaKind, direction: Direction): Section => {
    const section: Section = {
      mid,
      kind,
      direction,
      applied: undefined,
      native: undefined,
      source: undefined,
      stopReading: undefined,
      numbers: RtpPacket.numbering(0),
      codecs: new Map(),
      remote: undefined,
      received: undefined
    }
    sections.set(mid, section)
    return section
  }

  const replace = (section: Section, track: MediaTrack | null) => {
    if (track !== null && !(track instanceof RtpTrack)) {
      throw new TypeError("node-datachannel sends tracks of RTP packets only; make one by RtpTrack.source")
    }
    section.stopReading?.()
    section.stopReading = undefined
    section.source = track ?? undefined
    if (track === null) return
    section.numbers.isNewSource = true
    section.stopReading = track.read(send(section))
    track.requestKeyframe()
  }

  const received = (section: Section): RtpTrack =>
    (section.received ??= new RtpTrack({
      id: `${section.kind}-${section.mid}`,
      kind: section.kind,
      codecOf: (payloadType) => {
        for (const [codec, own] of section.codecs) if (own === payloadType) return codec
        return undefined
      },
      onKeyframeRequest: () => {
        if (!self.isClosed && section.native?.isOpen() === true) section.native.requestKeyframe()
      }
    }))

  const transceiverOf = (section: Section): RtcTransceiver => ({
    mid: () => section.mid,
    kind: section.kind,
    setDirection: (direction) =>
      attempt("setDirection", () => {
        section.direction = direction
        apply(section, direction)
      }),
    sender: {
      track: () => section.source ?? null,
      replaceTrack: (track) => attempt("replaceTrack", () => replace(section, track)),
      stats: Effect.succeed([])
    },
    receiver: { track: received(section), stats: Effect.succeed([]) }
  })

  // A track is announced late, and one that is ours already a second time.
  peer.onTrack((track) => {
    const section = sections.get(track.mid())
    if (self.isClosed || section === undefined || section.native !== undefined) return void held.push(track)
    adopt(section, track)
    listen(section)
  })

  return {
    onRemote: (sdp) => {
      const payloads = new Map(parse(sdp).media.map((media) => [String(media.mid), RtpSdp.codecs(media)] as const))
      for (const remote of Sdp.sections(sdp)) {
        const section = sections.get(remote.mid) ?? sectionOf(remote.mid, remote.kind, "recvonly")
        const wasSending = section.remote?.isSending ?? false
        section.codecs = payloads.get(remote.mid) ?? new Map()
        section.remote = { isSending: Sdp.isSending(remote), isReceiving: Sdp.isReceiving(remote) }
        if (section.applied === undefined && section.remote.isReceiving !== section.remote.isSending) {
          // libdatachannel answers what is new with its counterpart.
          section.applied = section.remote.isSending ? "recvonly" : undefined
        }
        if (!section.remote.isSending || wasSending) continue
        const track = received(section)
        options.onTrack({ track, receiver: { track, stats: Effect.succeed([]) }, mid: section.mid })
      }
    },
    prepareAnswer: () => {
      for (const section of sections.values()) {
        const { direction, remote } = section
        if (remote === undefined) continue
        const sends = remote.isReceiving && section.source !== undefined && direction !== "recvonly"
        const receives = remote.isSending && direction !== "sendonly"
        apply(section, sends ? (receives ? "sendrecv" : "sendonly") : receives ? "recvonly" : "inactive")
      }
    },
    addTransceiver: (track, { direction }) =>
      attempt("addTransceiver", () => {
        if (self.isClosed) throw new Error("the peer connection is closed")
        const kind = typeof track === "string" ? track : track.kind === "audio" ? "audio" : "video"
        const section = sectionOf(`${kind}${++self.count}`, kind, direction)
        if (typeof track !== "string") replace(section, track)
        apply(section, direction)
        return transceiverOf(section)
      }),
    removeTrack: (trackId) =>
      attempt("removeTrack", () => {
        const own = [...sections.values()].filter(({ source }) => source?.id === trackId)
        for (const section of own) {
          replace(section, null)
          section.direction = "inactive"
          apply(section, "inactive")
        }
        return own.length
      }),
    transceivers: () => Array.from(sections.values(), transceiverOf),
    stats: Effect.succeed([]),
    close: () => {
      self.isClosed = true
      for (const section of sections.values()) section.stopReading?.()
      if (held.length === 0) return
      // Each handle keeps the process alive until it is collected, whatever becomes of the track.
      for (const track of held.splice(0)) track.close()
      for (const section of sections.values()) section.native = undefined
      sections.clear()
      collectSoon()
    }
  }
}
