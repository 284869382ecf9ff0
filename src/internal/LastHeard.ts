/**
 * Until when a far end was surely heard. A program that did not run for a while, as in a frozen tab or on a machine that slept, hears
 * of nothing until it runs again, and then perhaps first of what was waiting for it: the path may have died long before.
 */

export interface LastHeard {
  /** Milliseconds of the latest sign of life. */
  readonly at: number
  /** The silence that was longer than it should be, if one came lately; others that followed it closely are part of it. */
  readonly silence: { readonly from: number; readonly until: number } | undefined
}

/** In milliseconds. */
export interface Limits {
  /** How far apart signs of life may be. */
  readonly longestSilence: number
  /** How long after a silence there have to be signs of life before it counts no more. */
  readonly settled: number
}

export const make = (now: number): LastHeard => ({ at: now, silence: undefined })

/** With a sign of life. */
export const hear = ({ at, silence }: LastHeard, now: number, { longestSilence, settled }: Limits): LastHeard => {
  const isSilent = now - at > longestSilence
  const isOver = silence !== undefined && (isSilent ? at : now) - silence.until >= settled
  const before = isOver ? undefined : silence
  return { at: now, silence: isSilent ? { from: before?.from ?? at, until: now } : before }
}

/** Milliseconds of the latest sign of life; of the last one before a silence, if one came lately. */
export const until = ({ at, silence }: LastHeard): number => silence?.from ?? at
