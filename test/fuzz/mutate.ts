/**
 * Random and mutated input, from a seeded source of chance.
 */

/** A number from 0 up to, and not including, 1. */
export type Chance = () => number

export const below = (chance: Chance, limit: number) => Math.floor(chance() * limit)
export const choose = <A>(chance: Chance, [first, ...rest]: readonly [A, ...ReadonlyArray<A>]): A =>
  rest[below(chance, rest.length + 1) - 1] ?? first

const interesting = [0x00, 0x01, 0x7f, 0x80, 0xff]

/** One of a few changes that parsers do not expect: flipped bits, cuts, repeats, noise, lengths that lie. */
const step = (bytes: Uint8Array, chance: Chance): Uint8Array => {
  const at = below(chance, bytes.length + 1)
  const length = below(chance, 24)
  switch (below(chance, 6)) {
    case 0: {
      const changed = bytes.slice()
      changed[at] = (changed[at] ?? 0) ^ (1 << below(chance, 8))
      return changed
    }
    case 1:
      return bytes.slice(0, at)
    case 2:
      return new Uint8Array([...bytes.slice(0, at), ...bytes.slice(at + length)])
    case 3:
      return new Uint8Array([...bytes.slice(0, at), ...bytes.slice(at, at + length), ...bytes.slice(at)])
    case 4:
      return new Uint8Array([...bytes.slice(0, at), ...noise(length, chance), ...bytes.slice(at)])
    default: {
      const changed = bytes.slice()
      changed[at] = choose(chance, [0x00, ...interesting])
      return changed
    }
  }
}

export const noise = (length: number, chance: Chance) => Uint8Array.from({ length }, () => below(chance, 256))

/** Up to five changes; now and then none, and now and then nothing of it is left. */
export const mutate = (bytes: Uint8Array, chance: Chance): Uint8Array => {
  if (below(chance, 20) === 0) return noise(below(chance, 200), chance)
  let changed = bytes
  for (let steps = below(chance, 6); steps > 0; steps--) changed = step(changed, chance)
  return changed
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const mutateText = (text: string, chance: Chance): string => decoder.decode(mutate(encoder.encode(text), chance))
