/**
 * RTCP as far as it is read and written here: reports of senders and receivers (RFC 3550), and requests for a picture that needs
 * no other (PLI, RFC 4585; FIR, RFC 5104).
 */

/** How a stream was received. */
export interface ReportBlock {
  readonly ssrc: number
  /** Since the report before, in 256ths. */
  readonly fractionLost: number
  readonly packetsLost: number
  /** The highest, with how often it went round. */
  readonly sequence: number
  /** In units of the RTP clock. */
  readonly jitter: number
  /** The middle half of the NTP time of the last report of the sender. */
  readonly lastReport: number
  /** Since then, in 65,536ths of a second. */
  readonly delay: number
}

/** That a timestamp of a stream is that of a moment. */
export interface Moment {
  /** As NTP: seconds since 1900 in the upper half, and their fractions. */
  readonly ntp: bigint
  readonly timestamp: number
}

export type Message =
  | ({ readonly _tag: "SenderReport"; readonly ssrc: number } & Moment)
  | ({ readonly _tag: "Block" } & ReportBlock)
  | { readonly _tag: "KeyframeRequest"; readonly ssrc: number }

const types = { senderReport: 200, receiverReport: 201, feedback: 206 } as const
const formats = { pictureLoss: 1, fullIntra: 4, application: 15 } as const
const senderInfo = 20
const blockSize = 24

const readBlock = (view: DataView, at: number): Message => ({
  _tag: "Block",
  ssrc: view.getUint32(at),
  fractionLost: view.getUint8(at + 4),
  // 24 bits with a sign.
  packetsLost: (view.getInt32(at + 4) << 8) >> 8,
  sequence: view.getUint32(at + 8),
  jitter: view.getUint32(at + 12),
  lastReport: view.getUint32(at + 16),
  delay: view.getUint32(at + 20)
})

/** What is understood of a compound packet; what is cut short is left out. */
export const parse = (bytes: Uint8Array): ReadonlyArray<Message> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const messages: Array<Message> = []
  for (let at = 0; at + 8 <= bytes.length;) {
    const count = view.getUint8(at) & 0x1f
    const type = view.getUint8(at + 1)
    const end = at + 4 * (view.getUint16(at + 2) + 1)
    if (end > bytes.length) break
    if (type === types.senderReport || type === types.receiverReport) {
      const blocks = at + 8 + (type === types.senderReport ? senderInfo : 0)
      if (type === types.senderReport && blocks <= end) {
        messages.push({
          _tag: "SenderReport",
          ssrc: view.getUint32(at + 4),
          ntp: view.getBigUint64(at + 8),
          timestamp: view.getUint32(at + 16)
        })
      }
      for (let index = 0; index < count && blocks + (index + 1) * blockSize <= end; index++) {
        messages.push(readBlock(view, blocks + index * blockSize))
      }
    } else if (type === types.feedback && count === formats.pictureLoss && at + 12 <= end) {
      messages.push({ _tag: "KeyframeRequest", ssrc: view.getUint32(at + 8) })
    } else if (type === types.feedback && count === formats.fullIntra) {
      for (let one = at + 12; one + 8 <= end; one += 8) {
        messages.push({ _tag: "KeyframeRequest", ssrc: view.getUint32(one) })
      }
    }
    at = end
  }
  return messages
}

const packet = (count: number, type: number, length: number) => {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x80 | count)
  view.setUint8(1, type)
  view.setUint16(2, length / 4 - 1)
  return { bytes, view }
}

export const senderReport = (options: {
  readonly ssrc: number
  readonly moment: Moment
  readonly packets: number
  readonly octets: number
}): Uint8Array => {
  const { bytes, view } = packet(0, types.senderReport, 8 + senderInfo)
  view.setUint32(4, options.ssrc)
  view.setBigUint64(8, options.moment.ntp)
  view.setUint32(16, options.moment.timestamp)
  view.setUint32(20, options.packets)
  view.setUint32(24, options.octets)
  return bytes
}

/** `ssrc` is that of who reports. */
export const receiverReport = (ssrc: number, block: ReportBlock): Uint8Array => {
  const { bytes, view } = packet(1, types.receiverReport, 8 + blockSize)
  view.setUint32(4, ssrc)
  view.setUint32(8, block.ssrc)
  view.setUint32(12, (block.fractionLost << 24) | (block.packetsLost & 0xffffff))
  view.setUint32(16, block.sequence)
  view.setUint32(20, block.jitter)
  view.setUint32(24, block.lastReport)
  view.setUint32(28, block.delay)
  return bytes
}

/** Asks for a picture that needs no other. */
export const pictureLoss = (ssrc: number, of: number): Uint8Array => {
  const { bytes, view } = packet(formats.pictureLoss, types.feedback, 12)
  view.setUint32(4, ssrc)
  view.setUint32(8, of)
  return bytes
}

/** Says that so many bits per second can be received (REMB). */
export const bandwidth = (ssrc: number, of: number, bitrate: number): Uint8Array => {
  const { bytes, view } = packet(formats.application, types.feedback, 24)
  view.setUint32(4, ssrc)
  bytes.set(new TextEncoder().encode("REMB"), 12)
  const exponent = Math.max(0, Math.ceil(Math.log2((bitrate + 1) / 2 ** 18)))
  view.setUint32(16, (1 << 24) | (exponent << 18) | Math.floor(bitrate / 2 ** exponent))
  view.setUint32(20, of)
  return bytes
}

/** The NTP time of milliseconds since 1970. */
export const ntpOf = (millis: number): bigint => {
  const seconds = Math.floor(millis / 1000)
  return (BigInt(seconds + 2_208_988_800) << 32n) | BigInt(Math.floor(((millis - seconds * 1000) * 2 ** 32) / 1000))
}
