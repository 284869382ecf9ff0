/**
 * How well a participant is connected, by the packets that got lost on its way to the server and back. Plain decisions.
 */
import { ConnectionQuality, ConnectionQualityInfo } from "@livekit/protocol"
import * as Stats from "../Stats.ts"

/** Milliseconds between two looks; a LiveKit server has the same. */
export const interval = 5_000

/** What has come in from it so far. */
export interface Counts {
  readonly received: number
  readonly lost: number
}

export const none: Counts = { received: 0, lost: 0 }

export const count = (report: Stats.StatsReport): Counts =>
  Stats.ofType(report, "inbound-rtp").reduce(
    ({ lost, received }, { packetsLost, packetsReceived }) => ({
      received: received + packetsReceived,
      lost: lost + packetsLost
    }),
    none
  )

/** The share of packets that got lost on the way from it since the look before. */
export const lossUp = (before: Counts, now: Counts): number => {
  const lost = Math.max(0, now.lost - before.lost)
  const all = now.received - before.received + lost
  return all <= 0 ? 0 : lost / all
}

/** The share that got lost on the way to it, of the track of which most did. */
export const lossDown = (report: Stats.StatsReport): number =>
  Math.max(0, ...Stats.ofType(report, "remote-inbound-rtp").map(({ fractionLost }) => fractionLost))

/** Every lost packet in a hundred costs a tenth, as at a LiveKit server. */
export const of = (participantSid: string, loss: number): ConnectionQualityInfo => {
  const share = Math.max(0, 1 - 10 * loss)
  const quality =
    share > 0.8 ? ConnectionQuality.EXCELLENT : share > 0.4 ? ConnectionQuality.GOOD : ConnectionQuality.POOR
  return new ConnectionQualityInfo({ participantSid, quality, score: 1 + 4 * share })
}

export const lost = (participantSid: string): ConnectionQualityInfo =>
  new ConnectionQualityInfo({ participantSid, quality: ConnectionQuality.LOST, score: 0 })
