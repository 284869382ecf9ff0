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

export const sequence = (packet: Uint8Array): number => ((packet[2] ?? 0) << 8) | (packet[3] ?? 0)

export const timestamp = (packet: Uint8Array): number => view(packet).getUint32(4)

export const ssrc = (packet: Uint8Array): number => view(packet).getUint32(8)

const view = (packet: Uint8Array) => new DataView(packet.buffer, packet.byteOffset, packet.byteLength)

/** Where the header extensions begin and end, and with them the header; `undefined` when the packet is cut short. */
const header = (packet: Uint8Array) => {
  const first = packet[0] ?? 0
  const fixed = 12 + 4 * (first & 0x0f)
  const hasExtension = (first & 0x10) !== 0
  if (fixed + (hasExtension ? 4 : 0) > packet.length) return undefined
  const body = hasExtension ? fixed + 4 + 4 * view(packet).getUint16(fixed + 2) : fixed
  return body > packet.length ? undefined : { fixed, body, hasExtension }
}

/** What comes after the header. */
export const payload = (packet: Uint8Array): Uint8Array => packet.subarray(header(packet)?.body ?? packet.length)

/** Header extensions by their ids, with one-byte and two-byte headers (RFC 8285). */
export const extensions = (packet: Uint8Array): ReadonlyMap<number, Uint8Array> => {
  const found = new Map<number, Uint8Array>()
  const parts = header(packet)
  if (parts?.hasExtension !== true) return found
  const { body, fixed } = parts
  const profile = view(packet).getUint16(fixed)
  const isShort = profile === 0xbede
  if (!isShort && profile >> 4 !== 0x100) return found
  for (let at = fixed + 4; at < body;) {
    const head = packet[at++] ?? 0
    if (head === 0) continue
    const id = isShort ? head >> 4 : head
    if (isShort && id === 15) break
    const length = isShort ? (head & 0x0f) + 1 : (packet[at++] ?? 0)
    if (at + length > body) break
    found.set(id, packet.subarray(at, at + length))
    at += length
  }
  return found
}

/** How loud a packet says that its sound is (RFC 6464), from 0 to 1; `undefined` when it says nothing. */
export const audioLevel = (packet: Uint8Array, id: number): number | undefined => {
  const value = extensions(packet).get(id)?.[0]
  // In dB below the loudest, beside a bit for whether it is a voice; 127 is silence.
  if (value === undefined) return undefined
  const below = value & 0x7f
  return below === 127 ? 0 : 10 ** (-below / 20)
}

/** A packet without extensions, with one that says how loud it is. */
export const withAudioLevel = (packet: Uint8Array, id: number, level: number): Uint8Array => {
  const fixed = header(packet)?.fixed ?? packet.length
  const below = level <= 0 ? 127 : Math.min(127, Math.max(0, Math.round(-20 * Math.log10(level))))
  const output = new Uint8Array(packet.length + 8)
  output.set(packet.subarray(0, fixed))
  output[0] = (output[0] ?? 0) | 0x10
  output.set([0xbe, 0xde, 0, 1, id << 4, below | (below === 127 ? 0 : 0x80), 0, 0], fixed)
  output.set(packet.subarray(fixed), fixed + 8)
  return output
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

/** Between the last packet of one source and the first of the next, in units of the RTP clock, when nobody knows; some 30 ms. */
const pause = 3_000

/**
 * The packet as part of our stream: our SSRC, payload type and counting. Header extensions are left out, because their ids mean
 * something else to each receiver. `gap` is what has passed since the last packet when this is the first of another source.
 */
export const rewrite = (
  packet: Uint8Array,
  payloadType: number,
  numbers: Numbering,
  gap = pause
): Uint8Array | undefined => {
  const parts = header(packet)
  if (parts === undefined) return undefined
  const { body, fixed } = parts
  const before = { sequence: sequence(packet), timestamp: timestamp(packet) }
  if (numbers.isNewSource && numbers.last !== undefined) {
    numbers.sequenceOffset = numbers.last.sequence + 1 - before.sequence
    numbers.timestampOffset = numbers.last.timestamp + gap - before.timestamp
  }
  numbers.isNewSource = false
  const output = new Uint8Array(fixed + packet.length - body)
  output.set(packet.subarray(0, fixed))
  output.set(packet.subarray(body), fixed)
  output[0] = (packet[0] ?? 0) & ~0x10
  output[1] = ((packet[1] ?? 0) & 0x80) | payloadType
  const after = view(output)
  after.setUint16(2, before.sequence + numbers.sequenceOffset)
  after.setUint32(4, before.timestamp + numbers.timestampOffset)
  after.setUint32(8, numbers.ssrc)
  numbers.last = { sequence: after.getUint16(2), timestamp: after.getUint32(4) }
  return output
}
