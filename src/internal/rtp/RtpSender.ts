/**
 * What is sent in one section: the packets of a track under an SSRC of ours, and the reports of them. One track may take over from
 * another without a break in the numbers; of video, where a picture begins that needs no other.
 */
import type * as Clock from "effect/Clock"
import type { MediaKind } from "../../RtcMedia.ts"
import type * as Stats from "../../Stats.ts"
import * as Delivery from "./Delivery.ts"
import * as keyframe from "./keyframe.ts"
import * as RtcpPacket from "./RtcpPacket.ts"
import * as RtpPacket from "./RtpPacket.ts"
import type { RtpCodec, RtpTrack } from "../../RtpTrack.ts"
import * as Vp8 from "./Vp8.ts"

export interface RtpSender {
  readonly ssrc: () => number
  readonly track: () => RtpTrack | undefined
  readonly replace: (track: RtpTrack | undefined) => void
  /** Goes on as a stream that receivers have not seen before. */
  readonly renew: () => void
  /** How the far end receives it. */
  readonly received: (block: RtcpPacket.ReportBlock) => void
  /** The far end wants a picture that needs no other. */
  readonly keyframeRequested: () => void
  readonly stats: () => Stats.StatsReport
}

/** Units of the RTP clock in a second. */
export const clockRates: Readonly<Record<MediaKind, number>> = { audio: 48_000, video: 90_000 }

/** Packets of a new track after which it is entered even though no picture began in them: it may be of a kind unknown here. */
const patience = 100
/** Packets after which such a picture is asked for once more. */
const askAgain = 30

export const make = (options: {
  readonly kind: MediaKind
  readonly mid: string
  readonly clock: Clock.Clock
  readonly nextSsrc: () => number
  /** At the far end; `undefined` while it does not take this codec. */
  readonly payloadTypeOf: (codec: RtpCodec) => number | undefined
  /** The header extension for the level of audio, where the far end takes it. */
  readonly levelId: () => number | undefined
  readonly write: (packet: Uint8Array) => void
}): RtpSender => {
  const { clock, kind, mid, write } = options
  const clockRate = clockRates[kind]
  const now = () => clock.currentTimeMillisUnsafe()
  const self = {
    numbers: RtpPacket.numbering(options.nextSsrc()),
    pictures: Vp8.numbering(),
    track: undefined as RtpTrack | undefined,
    stop: () => {},
    stopWaiting: () => {},
    sentAt: 0,
    packets: 0,
    octets: 0,
    keyframeRequests: 0,
    delivery: Delivery.make()
  }

  const send = (track: RtpTrack, packet: Uint8Array, audioLevel?: number) => {
    const codec = track.enabled ? track.codecOf(RtpPacket.payloadType(packet)) : undefined
    const payloadType = codec === undefined ? undefined : options.payloadTypeOf(codec)
    if (payloadType === undefined) return
    const gap = Math.max(1, Math.round(((now() - self.sentAt) * clockRate) / 1000))
    const { isNewSource } = self.numbers
    const rewritten = RtpPacket.rewrite(packet, payloadType, self.numbers, gap)
    if (rewritten === undefined) return
    if (codec === "VP8") Vp8.renumber(RtpPacket.payload(rewritten), self.pictures, isNewSource)
    self.sentAt = now()
    self.packets++
    Delivery.sent(self.delivery, RtpPacket.sequence(rewritten))
    self.octets += RtpPacket.payload(rewritten).length
    const levelId = audioLevel === undefined ? undefined : options.levelId()
    write(
      audioLevel === undefined || levelId === undefined
        ? rewritten
        : RtpPacket.withAudioLevel(rewritten, levelId, audioLevel)
    )
  }
  const report = ({ ntp, timestamp }: RtcpPacket.Moment) => {
    const { last, ssrc, timestampOffset } = self.numbers
    if (last === undefined) return
    const moment = { ntp, timestamp: (timestamp + timestampOffset) >>> 0 }
    write(RtcpPacket.senderReport({ ssrc, moment, packets: self.packets, octets: self.octets }))
  }
  const enter = (track: RtpTrack | undefined) => {
    self.stop()
    self.stopWaiting()
    self.stop = self.stopWaiting = () => {}
    self.track = track
    if (track === undefined) return
    self.numbers.isNewSource = true
    const stops = [track.read((packet, level) => send(track, packet, level)), track.readReports(report)]
    self.stop = () => {
      for (const stop of stops) stop()
    }
  }
  /** Stays with the track before until a picture begins in this one. */
  const wait = (track: RtpTrack) => {
    let seen = 0
    self.stopWaiting = track.read((packet) => {
      const codec = track.codecOf(RtpPacket.payloadType(packet))
      if (++seen % askAgain === 0) track.requestKeyframe()
      if (seen < patience && (codec === undefined || !keyframe.begins(codec, RtpPacket.payload(packet)))) return
      enter(track)
      send(track, packet)
    })
  }

  return {
    ssrc: () => self.numbers.ssrc,
    track: () => self.track,
    replace: (track) => {
      self.stopWaiting()
      self.stopWaiting = () => {}
      if (track === self.track) return
      if (track === undefined || self.track === undefined || kind === "audio") enter(track)
      else wait(track)
      track?.requestKeyframe()
    },
    renew: () => {
      self.numbers = RtpPacket.numbering(options.nextSsrc())
      self.pictures = Vp8.numbering()
      self.packets = self.octets = 0
      self.delivery = Delivery.make()
    },
    received: (block) => {
      Delivery.reported(self.delivery, block)
    },
    keyframeRequested: () => {
      self.keyframeRequests++
      self.track?.requestKeyframe()
    },
    stats: () => {
      const base = { ssrc: self.numbers.ssrc, kind, mid, codecId: undefined, timestamp: now() }
      const { block, fractionLost } = self.delivery
      return [
        {
          ...base,
          type: "outbound-rtp",
          id: `outbound-${base.ssrc}`,
          rid: undefined,
          packetsSent: self.packets,
          bytesSent: self.octets,
          framesEncoded: 0,
          framesPerSecond: 0,
          frameWidth: 0,
          frameHeight: 0,
          nackCount: 0,
          pliCount: self.keyframeRequests,
          qualityLimitationReason: undefined
        },
        ...(block === undefined
          ? []
          : [
              {
                ...base,
                type: "remote-inbound-rtp" as const,
                id: `remote-inbound-${base.ssrc}`,
                packetsLost: block.packetsLost,
                jitter: block.jitter / clockRate,
                fractionLost,
                roundTripTime: 0
              }
            ])
      ]
    }
  }
}
