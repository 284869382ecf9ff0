/**
 * What became of numbered packets, by what came and in which order.
 */
export interface Tally {
  readonly received: number
  readonly lost: number
  readonly twice: number
  readonly outOfOrder: number
}

interface Count extends Tally {
  readonly next: number
  readonly missing: ReadonlySet<number>
}

/** Nothing has come; the first number that comes is where counting begins. */
export const none: Count = { received: 0, lost: 0, twice: 0, outOfOrder: 0, next: -1, missing: new Set() }

export const count = (self: Count, number: number): Count => {
  const received = self.received + 1
  if (self.next === -1 || number === self.next) return { ...self, received, next: number + 1 }
  if (number > self.next) {
    const gap = Array.from({ length: number - self.next }, (_, index) => self.next + index)
    const missing = new Set([...self.missing, ...gap])
    return { ...self, received, missing, lost: missing.size, next: number + 1 }
  }
  if (!self.missing.has(number)) return { ...self, received, twice: self.twice + 1 }
  const missing = new Set([...self.missing].filter((other) => other !== number))
  return { ...self, received, missing, lost: missing.size, outOfOrder: self.outOfOrder + 1 }
}

export type { Count }

const some = (count: number, what: string) => (count === 0 ? `none ${what}` : `${count} ${what}`)

/** `312 numbered packets from bob: none lost, none twice, none out of order` */
export const describe = (self: Tally, from: string): string =>
  self.received === 0
    ? `No numbered packets from ${from} yet`
    : `${self.received.toLocaleString("en")} numbered packets from ${from}: ${[
        some(self.lost, "lost"),
        some(self.twice, "twice"),
        some(self.outOfOrder, "out of order")
      ].join(", ")}`
