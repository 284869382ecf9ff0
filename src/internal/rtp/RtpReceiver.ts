/**
 * A stream of RTP packets that comes in under one SSRC: its packets as a track, what is known of it, and what the far end is told
 * and asked about it.
 */
import type * as Clock from "effect/Clock"
import type { MediaKind } from "../../RtcMedia.ts"
import type * as Stats from "../../Stats.ts"
import * as Reception from "./Reception.ts"
import * as RtcpPacket from "./RtcpPacket.ts"
import * as RtpPacket from "./RtpPacket.ts"
import { clockRates } from "./RtpSender.ts"
import type { RtpTrack } from "../../RtpTrack.ts"

export interface RtpReceiver {
  /** One of the encodings of a track that come side by side. */
  readonly rid: string | undefined
  readonly track: RtpTrack
  readonly receive: (packet: Uint8Array) => void
  /** The sender has reported; what it is answered. */
  readonly reported: (moment: RtcpPacket.Moment) => RtcpPacket.ReportBlock
  /** Whether packets come. */
  readonly isActive: () => boolean
  readonly stats: () => Stats.InboundRtp
}

/** Milliseconds without a packet after which nothing comes any more. */
const silence = 1_000

export const make = (options: {
  readonly ssrc: number
  readonly rid: string | undefined
  readonly mid: string
  readonly kind: MediaKind
  readonly track: RtpTrack
  readonly clock: Clock.Clock
  readonly first: Uint8Array
  /** The header extension for the level of audio, where there is one. */
  readonly levelId: () => number | undefined
}): RtpReceiver => {
  const { clock, kind, mid, rid, ssrc, track } = options
  const clockRate = clockRates[kind]
  const now = () => clock.currentTimeMillisUnsafe()
  const reception = Reception.make(RtpPacket.sequence(options.first))
  const self = { at: now(), level: 0 }
  const isActive = () => now() - self.at < silence

  return {
    rid,
    track,
    receive: (packet) => {
      self.at = now()
      const levelId = options.levelId()
      if (levelId !== undefined) self.level = RtpPacket.audioLevel(packet, levelId) ?? self.level
      Reception.received(
        reception,
        {
          sequence: RtpPacket.sequence(packet),
          timestamp: RtpPacket.timestamp(packet),
          bytes: RtpPacket.payload(packet).length
        },
        Math.round((self.at * clockRate) / 1000)
      )
      track.write(packet)
    },
    reported: (moment) => {
      Reception.reported(reception, moment.ntp, now())
      track.report(moment)
      return Reception.report(reception, ssrc, now())
    },
    isActive,
    stats: () => ({
      type: "inbound-rtp",
      id: `inbound-${ssrc}`,
      timestamp: now(),
      ssrc,
      kind,
      mid,
      codecId: undefined,
      packetsReceived: reception.packets,
      packetsLost: Reception.lost(reception),
      bytesReceived: reception.bytes,
      jitter: reception.jitter / clockRate,
      framesDecoded: 0,
      framesPerSecond: 0,
      frameWidth: 0,
      frameHeight: 0,
      audioLevel: isActive() ? self.level : 0
    })
  }
}
