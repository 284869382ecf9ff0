/**
 * How a stream of RTP packets is received: what is missing, how unsteady it is, and the report of it (RFC 3550, A.1, A.3, A.8).
 */
import type { ReportBlock } from "./RtcpPacket.ts"

export interface Reception {
  readonly first: number
  /** With how often it went round. */
  highest: number
  packets: number
  bytes: number
  /** In units of the RTP clock. */
  jitter: number
  transit: number | undefined
  /** At the last report. */
  before: { readonly expected: number; readonly packets: number }
  heard: { readonly lastReport: number; readonly at: number } | undefined
}

export const make = (sequence: number): Reception => ({
  first: sequence,
  highest: sequence - 1,
  packets: 0,
  bytes: 0,
  jitter: 0,
  transit: undefined,
  before: { expected: 0, packets: 0 },
  heard: undefined
})

/** A packet has come; `arrival` in units of the RTP clock. */
export const received = (
  self: Reception,
  packet: { readonly sequence: number; readonly timestamp: number; readonly bytes: number },
  arrival: number
) => {
  // Nearest to the highest, whichever way round.
  const step = ((packet.sequence - self.highest) << 16) >> 16
  self.highest = Math.max(self.highest, self.highest + step)
  self.packets++
  self.bytes += packet.bytes
  const transit = (arrival - packet.timestamp) | 0
  if (self.transit !== undefined) self.jitter += (Math.abs((transit - self.transit) | 0) - self.jitter) / 16
  self.transit = transit
}

const expected = ({ first, highest }: Reception) => highest - first + 1

/** Fewer than none where packets came twice. */
export const lost = (self: Reception): number => expected(self) - self.packets

/** The sender has reported, at so many milliseconds. */
export const reported = (self: Reception, ntp: bigint, at: number) => {
  self.heard = { lastReport: Number((ntp >> 16n) & 0xffffffffn), at }
}

/** The report of it since the one before. */
export const report = (self: Reception, ssrc: number, now: number): ReportBlock => {
  const since = {
    expected: expected(self) - self.before.expected,
    packets: self.packets - self.before.packets
  }
  self.before = { expected: expected(self), packets: self.packets }
  const missing = Math.max(0, since.expected - since.packets)
  return {
    ssrc,
    fractionLost: since.expected <= 0 ? 0 : Math.min(255, Math.floor((missing * 256) / since.expected)),
    packetsLost: Math.max(-0x800000, Math.min(0x7fffff, lost(self))),
    sequence: self.highest >>> 0,
    jitter: Math.round(self.jitter),
    lastReport: self.heard?.lastReport ?? 0,
    delay: self.heard === undefined ? 0 : Math.round(((now - self.heard.at) * 65_536) / 1000)
  }
}
