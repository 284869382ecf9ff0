/**
 * RTP and RTCP packets as far as they have to be read to be passed on (RFC 3550, RFC 4585).
 */

/** Version 2, and long enough for its own header. */
export const isRtp = (packet: Uint8Array): boolean =>
  packet.length >= 12 && (packet[0] ?? 0) >> 6 === 2 && !isRtcp(packet)

/** RTCP on the same port is known by its second byte (RFC 5761). */
export const isRtcp = (packet: Uint8Array): boolean => {
  const type = packet[1] ?? 0
  return type >= 192 && type <= 223
}

export const payloadType = (packet: Uint8Array): number => (packet[1] ?? 0) & 0x7f

/** Whether the receiver asks for a picture that needs no other: PLI, or FIR, anywhere in a compound packet. */
export const asksForKeyframe = (packet: Uint8Array): boolean => {
  for (let at = 0; at + 4 <= packet.length; at += 4 * (((packet[at + 2] ?? 0) << 8) + (packet[at + 3] ?? 0) + 1)) {
    const format = (packet[at] ?? 0) & 0x1f
    if (packet[at + 1] === 206 && (format === 1 || format === 4)) return true
  }
  return false
}

/** The numbers of a stream of ours, whatever the source counts by. */
export interface Numbering {
  readonly ssrc: number
  /** Added to what the source says, so that another source goes on where the one before ended. */
  sequenceOffset: number
  timestampOffset: number
  last: { readonly sequence: number; readonly timestamp: number } | undefined
  isNewSource: boolean
}

export const numbering = (ssrc: number): Numbering => ({
  ssrc,
  sequenceOffset: 0,
  timestampOffset: 0,
  last: undefined,
  isNewSource: false
})

/** Between the last packet of one source and the first of the next, in units of the RTP clock; some 30 ms. */
const pause = 3_000

/**
 * The packet as part of our stream: our SSRC, payload type and counting. Header extensions are left out, because their ids mean
 * something else to each receiver.
 */
export const rewrite = (packet: Uint8Array, payloadType: number, numbers: Numbering): Uint8Array | undefined => {
  const first = packet[0] ?? 0
  const fixed = 12 + 4 * (first & 0x0f)
  const hasExtension = (first & 0x10) !== 0
  const input = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  if (fixed + (hasExtension ? 4 : 0) > packet.length) return undefined
  const body = hasExtension ? fixed + 4 + 4 * input.getUint16(fixed + 2) : fixed
  if (body > packet.length) return undefined

  const sequence = input.getUint16(2)
  const timestamp = input.getUint32(4)
  if (numbers.isNewSource && numbers.last !== undefined) {
    numbers.sequenceOffset = numbers.last.sequence + 1 - sequence
    numbers.timestampOffset = numbers.last.timestamp + pause - timestamp
  }
  numbers.isNewSource = false
  const output = new Uint8Array(fixed + packet.length - body)
  output.set(packet.subarray(0, fixed))
  output.set(packet.subarray(body), fixed)
  output[0] = first & ~0x10
  output[1] = ((packet[1] ?? 0) & 0x80) | payloadType
  const view = new DataView(output.buffer)
  view.setUint16(2, sequence + numbers.sequenceOffset)
  view.setUint32(4, timestamp + numbers.timestampOffset)
  view.setUint32(8, numbers.ssrc)
  numbers.last = { sequence: view.getUint16(2), timestamp: view.getUint32(4) }
  return output
}
