/**
 * How much of what we sent has arrived, by the reports of the far end. It counts as lost what we never had ourselves and left out
 * of our numbers, which is another's loss and is not counted here.
 */
import type { ReportBlock } from "./RtcpPacket.ts"

export interface Delivery {
  /** Packets sent before and with the last ones, by their sequence. */
  readonly sent: Map<number, number>
  count: number
  before: { readonly sequence: number; readonly count: number; readonly lost: number } | undefined
  /** Of what was sent between the last two reports, from 0 to 1. */
  fractionLost: number
  block: ReportBlock | undefined
}

/** Sequences that are remembered: some 10 s of video. */
const remembered = 4_096

export const make = (): Delivery => ({
  sent: new Map(),
  count: 0,
  before: undefined,
  fractionLost: 0,
  block: undefined
})

export const sent = (self: Delivery, sequence: number) => {
  self.sent.delete(sequence)
  self.sent.set(sequence, ++self.count)
  if (self.sent.size <= remembered) return
  for (const oldest of self.sent.keys()) return void self.sent.delete(oldest)
}

export const reported = (self: Delivery, block: ReportBlock) => {
  self.block = block
  const count = self.sent.get(block.sequence & 0xffff)
  if (count === undefined) return
  const { before } = self
  self.before = { sequence: block.sequence, count, lost: block.packetsLost }
  if (before === undefined || count <= before.count) return
  const sent = count - before.count
  const left = ((block.sequence - before.sequence) & 0xffff) - sent
  self.fractionLost = Math.min(1, Math.max(0, (block.packetsLost - before.lost - left) / sent))
}
