/**
 * Media as raw RTP: sections, who sends and receives what in them, and which packet belongs where. The packets of all sections go
 * through one transport, which is somebody else's.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { MediaDescription } from "sdp-transform"
import { MediaFailed, PeerConnectionError } from "../../PeerConnectionError.ts"
import type { Direction, MediaKind, MediaTrack, RtcMedia, RtcTrackEvent, RtcTransceiver } from "../../RtcMedia.ts"
import { RtpTrack } from "../../RtpTrack.ts"
import * as Sdp from "../../Sdp.ts"
import { parseSdp } from "../parseSdp.ts"
import * as placement from "./placement.ts"
import * as RtcpPacket from "./RtcpPacket.ts"
import * as RtpPacket from "./RtpPacket.ts"
import * as RtpReceiver from "./RtpReceiver.ts"
import * as RtpSdp from "./RtpSdp.ts"
import * as RtpSender from "./RtpSender.ts"
import * as Section from "./Section.ts"

export interface RtpMedia extends RtcMedia {
  readonly hasSections: () => boolean
  /** A packet of the far end, RTP or RTCP. */
  readonly receive: (packet: Uint8Array) => void
  /** The far end's description is in force: its sections, and what it sends. */
  readonly onRemote: (sdp: string) => void
  /** A description of ours: one that the transport has made, with our sections, and that for data where there are channels. */
  readonly describe: (type: "offer" | "answer", sdp: string, hasChannels?: boolean) => string
  readonly close: () => void
}

/** What no packet has; asks a track for its only codec. */
const noPayloadType = -1

/** Bits per second that a sender of several encodings may send: all of them, over loopback. */
const bandwidth = 20_000_000

const attempt = <A>(step: MediaFailed["step"], evaluate: () => A) =>
  Effect.try({
    try: evaluate,
    catch: (cause) => new PeerConnectionError({ reason: new MediaFailed({ step, cause }) })
  })

export const make = (options: {
  readonly clock: Clock.Clock
  /** Any number of 32 bits that no other stream has. */
  readonly nextSsrc: () => number
  readonly onTrack: (event: RtcTrackEvent) => void
  /** Sends a packet, or loses it. */
  readonly write: (packet: Uint8Array) => void
  /** There is media to carry. */
  readonly onMedia?: (() => void) | undefined
}): RtpMedia => {
  const { clock, nextSsrc, onMedia = () => {}, write } = options
  const sections = new Map<string, Section.Section>()
  const receivers = new Map<number, RtpReceiver.RtpReceiver & { readonly section: Section.Section }>()
  const self = {
    isClosed: false,
    count: 0,
    ownSsrc: nextSsrc(),
    /** The mids of all sections, data too, as they were negotiated. */
    order: [] as ReadonlyArray<string>
  }

  const askForKeyframe = (section: Section.Section, rid: string | undefined) => {
    for (const [ssrc, receiver] of receivers) {
      if (receiver.section === section && receiver.rid === rid) write(RtcpPacket.pictureLoss(self.ownSsrc, ssrc))
    }
  }
  const trackOf = (mid: string, kind: MediaKind, find: () => Section.Section | undefined, rid: string | undefined) =>
    new RtpTrack({
      id: [kind, mid, ...(rid === undefined ? [] : [rid])].join("-"),
      kind,
      codecOf: (payloadType) => {
        for (const [codec, own] of find()?.terms.codecs ?? []) if (own === payloadType) return codec
        return undefined
      },
      onKeyframeRequest: () => {
        const section = find()
        if (section !== undefined) askForKeyframe(section, rid)
      }
    })

  const sectionOf = (mid: string, kind: MediaKind, direction: Direction): Section.Section => {
    const find = () => sections.get(mid)
    const section: Section.Section = {
      mid,
      kind,
      direction,
      sender: RtpSender.make({
        kind,
        mid,
        clock,
        nextSsrc,
        payloadTypeOf: (codec) => {
          const isTaken = section.remote?.isReceiving === true && Section.sends(section.direction)
          return isTaken ? section.terms.codecs.get(codec) : undefined
        },
        levelId: () => section.terms.extensions.level,
        write
      }),
      source: undefined,
      name: undefined,
      terms: RtpSdp.offered(kind, undefined),
      remote: undefined,
      received: trackOf(mid, kind, find, undefined),
      layers: new Map()
    }
    sections.set(mid, section)
    return section
  }

  const layerOf = (section: Section.Section, rid: string) => {
    const known = section.layers.get(rid)
    if (known !== undefined) return known
    const track = trackOf(section.mid, section.kind, () => sections.get(section.mid), rid)
    section.layers.set(rid, track)
    return track
  }
  const receiverOf = (packet: Uint8Array) => {
    const ssrc = RtpPacket.ssrc(packet)
    const known = receivers.get(ssrc)
    if (known !== undefined) return known
    const placed = placement.of(packet, sections.values())
    if (placed === undefined) return undefined
    const { rid, section } = placed
    const hasLayers = section.terms.rids.length > 0
    if (hasLayers !== (rid !== undefined && section.terms.rids.includes(rid))) return undefined
    const { kind, mid } = section
    const layer = hasLayers ? rid : undefined
    const receiver = RtpReceiver.make({
      ssrc,
      rid: layer,
      mid,
      kind,
      track: layer === undefined ? section.received : layerOf(section, layer),
      clock,
      first: packet,
      levelId: () => section.terms.extensions.level
    })
    const added = { ...receiver, section }
    receivers.set(ssrc, added)
    return added
  }
  const onReport = (message: RtcpPacket.Message) => {
    switch (message._tag) {
      case "SenderReport": {
        const receiver = receivers.get(message.ssrc)
        if (receiver === undefined) return
        write(RtcpPacket.receiverReport(self.ownSsrc, receiver.reported(message)))
        if (receiver.rid !== undefined) write(RtcpPacket.bandwidth(self.ownSsrc, message.ssrc, bandwidth))
        return
      }
      case "Block":
      case "KeyframeRequest":
        for (const { sender } of sections.values()) {
          if (sender.ssrc() !== message.ssrc) continue
          if (message._tag === "Block") sender.received(message)
          else sender.keyframeRequested()
        }
    }
  }
  const replace = (section: Section.Section, track: MediaTrack | null) => {
    if (track !== null && !(track instanceof RtpTrack)) {
      throw new TypeError("only tracks of RTP packets can be sent here; make one by RtpTrack.source")
    }
    section.source = track ?? undefined
    section.sender.replace(section.source)
  }
  const setDirection = (section: Section.Section, direction: Direction) => {
    // Whoever received in this section before shall not take what is new for it.
    if (Section.sends(direction) && !Section.sends(section.direction)) section.sender.renew()
    section.direction = direction
  }
  const inboundStats = (section: Section.Section) =>
    [...receivers.values()].filter((one) => one.section === section).map((one) => one.stats())

  const receiverFor = (section: Section.Section) => ({
    track: section.received,
    layers: () =>
      section.terms.rids.flatMap((rid) => {
        const isActive = [...receivers.values()].some(
          (one) => one.section === section && one.rid === rid && one.isActive()
        )
        return isActive ? [{ rid, track: layerOf(section, rid) }] : []
      }),
    stats: Effect.sync(() => inboundStats(section))
  })
  const transceiverOf = (section: Section.Section): RtcTransceiver => ({
    mid: () => section.mid,
    kind: section.kind,
    setDirection: (direction) => attempt("setDirection", () => setDirection(section, direction)),
    sender: {
      track: () => section.source ?? null,
      replaceTrack: (track) => attempt("replaceTrack", () => replace(section, track)),
      stats: Effect.sync(() => (self.isClosed ? [] : section.sender.stats()))
    },
    receiver: receiverFor(section)
  })

  return {
    hasSections: () => sections.size > 0,
    receive: (packet) => {
      if (self.isClosed) return
      if (RtpPacket.isRtcp(packet)) for (const message of RtcpPacket.parse(packet)) onReport(message)
      else if (RtpPacket.isRtp(packet)) receiverOf(packet)?.receive(packet)
    },
    onRemote: (sdp) => {
      const session = parseSdp(sdp)
      self.order = session.media.map(({ mid }) => String(mid))
      const terms = new Map(session.media.map((media) => [String(media.mid), RtpSdp.terms(media)] as const))
      for (const remote of Sdp.sections(sdp)) {
        const section = sections.get(remote.mid) ?? sectionOf(remote.mid, remote.kind, "recvonly")
        const wasSending = section.remote?.isSending ?? false
        section.terms = terms.get(remote.mid) ?? section.terms
        section.remote = { isSending: Sdp.isSending(remote), isReceiving: Sdp.isReceiving(remote) }
        if (!section.remote.isSending || wasSending) continue
        options.onTrack({ track: section.received, receiver: receiverFor(section), mid: section.mid })
      }
      // Who was placed elsewhere than is announced now is placed anew with its next packet.
      for (const [ssrc, { section }] of receivers) {
        const announced = [...sections.values()].find(({ terms }) => terms.ssrcs.has(ssrc)) ?? section
        if (announced !== section || section.remote?.isSending !== true) receivers.delete(ssrc)
      }
    },
    describe: (type, sdp, hasChannels = true) => {
      if (sections.size === 0) return sdp
      const isAnswer = type === "answer"
      return RtpSdp.withSections(sdp, (transport, found) => {
        const application = hasChannels ? found : undefined
        const dataMid = application === undefined ? undefined : String(application.mid)
        const all = [...sections.keys(), ...(dataMid === undefined ? [] : [dataMid])]
        if (!isAnswer) self.order = [...self.order, ...all.filter((mid) => !self.order.includes(mid))]
        return self.order.flatMap((mid): ReadonlyArray<MediaDescription> => {
          const section = sections.get(mid)
          if (section === undefined) return application !== undefined && mid === dataMid ? [application] : []
          const direction = isAnswer ? Section.answered(section) : section.direction
          if (isAnswer) setDirection(section, direction)
          const trackId = section.name ?? section.source?.id ?? mid
          const described =
            section.remote === undefined
              ? RtpSdp.offered(section.kind, section.source?.codecOf(noPayloadType))
              : section.terms
          return [
            RtpSdp.section({
              mid,
              kind: section.kind,
              direction,
              terms: described,
              isAnswer,
              transport,
              sent: Section.sends(direction) ? { ssrc: section.sender.ssrc(), trackId } : undefined
            })
          ]
        })
      })
    },
    addTransceiver: (track, { direction, name }) =>
      attempt("addTransceiver", () => {
        if (self.isClosed) throw new Error("the peer connection is closed")
        onMedia()
        const kind = typeof track === "string" ? track : track.kind === "audio" ? "audio" : "video"
        const section = sectionOf(`${kind}${++self.count}`, kind, direction)
        if (typeof track !== "string") {
          replace(section, track)
          section.name = name ?? track.id
        }
        return transceiverOf(section)
      }),
    removeTrack: (trackId) =>
      attempt("removeTrack", () => {
        const own = [...sections.values()].filter(({ name, source }) => name === trackId || source?.id === trackId)
        for (const section of own) {
          replace(section, null)
          section.name = undefined
          section.direction = "inactive"
        }
        return own.length
      }),
    transceivers: () => Array.from(sections.values(), transceiverOf),
    stats: Effect.sync(() => [...sections.values()].flatMap((one) => [...one.sender.stats(), ...inboundStats(one)])),
    close: () => {
      self.isClosed = true
      for (const section of sections.values()) section.sender.replace(undefined)
      sections.clear()
      receivers.clear()
    }
  }
}
