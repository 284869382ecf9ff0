/**
 * The last reliable sequence seen from every sender (S134-S136, TM1-TM4): what arrives twice, after a replay, is dropped.
 *
 * Mutable with one owner, because every packet passes through it. Time is given by the caller, in milliseconds.
 */

interface LastSeen {
  sequence: number
  expiresAt: number
}

/**
 * The last sequence of each sender, for as long as it may matter.
 *
 * @category models
 */
export class ReceiveState {
  readonly #ttl: number
  readonly #last = new Map<string, LastSeen>()
  #sweepAt = 0

  constructor(ttlMillis: number) {
    this.#ttl = ttlMillis
  }

  /**
   * Whether a packet is new, remembering it if so. Packets without sequence or sender are always new; gaps are fine, only a
   * sequence not above the last one is a duplicate.
   */
  isNew(participantSid: string, sequence: number, now: number): boolean {
    if (sequence === 0 || participantSid === "") return true
    const last = this.#last.get(participantSid)
    if (last === undefined || last.expiresAt < now) {
      this.#sweep(now)
      this.#last.set(participantSid, { sequence, expiresAt: now + this.#ttl })
      return true
    }
    if (sequence <= last.sequence) return false
    last.sequence = sequence
    last.expiresAt = now + this.#ttl
    return true
  }

  /** What the server is told in the sync state (S153, S154). */
  entries(now: number): ReadonlyArray<{ readonly participantSid: string; readonly lastSequence: number }> {
    return Array.from(this.#last)
      .filter(([, { expiresAt }]) => expiresAt >= now)
      .map(([participantSid, { sequence }]) => ({ participantSid, lastSequence: sequence }))
  }

  clear(): void {
    this.#last.clear()
  }

  /** Forgets silent senders; at most once per TTL, so that a crowded room stays cheap. */
  #sweep(now: number) {
    if (now < this.#sweepAt) return
    this.#sweepAt = now + this.#ttl
    for (const [sid, { expiresAt }] of this.#last) if (expiresAt < now) this.#last.delete(sid)
  }
}
