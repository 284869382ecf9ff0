/**
 * The descriptor before each VP8 payload (RFC 7741): where a key frame begins, and the counts by which receivers know pictures.
 */

/** A count in the descriptor: where it is, and how many bits it has. */
interface Count {
  readonly at: number
  readonly bits: 7 | 8 | 15
}

export interface Descriptor {
  readonly beginsKeyframe: boolean
  readonly pictureId: Count | undefined
  /** Of the pictures that others are predicted from. */
  readonly baseId: Count | undefined
}

export const read = (payload: Uint8Array): Descriptor => {
  const first = payload[0] ?? 0
  let at = 1
  let pictureId: Count | undefined
  let baseId: Count | undefined
  if ((first & 0x80) !== 0) {
    const extension = payload[at++] ?? 0
    if ((extension & 0x80) !== 0) {
      pictureId = { at, bits: ((payload[at] ?? 0) & 0x80) === 0 ? 7 : 15 }
      at += pictureId.bits === 7 ? 1 : 2
    }
    if ((extension & 0x40) !== 0) baseId = { at: at++, bits: 8 }
    if ((extension & 0x30) !== 0) at++
  }
  // The first partition of a frame, of which the first bit says that it needs others.
  const begins = (first & 0x17) === 0x10 && at < payload.length
  return { beginsKeyframe: begins && ((payload[at] ?? 0) & 1) === 0, pictureId, baseId }
}

const get = (payload: Uint8Array, { at, bits }: Count): number =>
  bits === 15 ? (((payload[at] ?? 0) & 0x7f) << 8) | (payload[at + 1] ?? 0) : (payload[at] ?? 0)

const set = (payload: Uint8Array, { at, bits }: Count, value: number) => {
  const wrapped = value & (2 ** bits - 1)
  if (bits === 15) payload.set([0x80 | (wrapped >> 8), wrapped & 0xff], at)
  else payload[at] = wrapped
}

/** Counts that go on where another source takes over. */
export interface Numbering {
  readonly offsets: { pictureId: number; baseId: number }
  readonly last: { pictureId: number | undefined; baseId: number | undefined }
}

export const numbering = (): Numbering => ({
  offsets: { pictureId: 0, baseId: 0 },
  last: { pictureId: undefined, baseId: undefined }
})

/** Writes our counts into a payload. Pictures of several encodings have the same ones, and receivers would take them for known. */
export const renumber = (payload: Uint8Array, numbers: Numbering, isNewSource: boolean) => {
  const descriptor = read(payload)
  for (const name of ["pictureId", "baseId"] as const) {
    const count = descriptor[name]
    if (count === undefined || count.at + (count.bits === 15 ? 1 : 0) >= payload.length) continue
    const value = get(payload, count)
    const last = numbers.last[name]
    if (isNewSource && last !== undefined) numbers.offsets[name] = last + 1 - value
    set(payload, count, value + numbers.offsets[name])
    numbers.last[name] = get(payload, count)
  }
}
