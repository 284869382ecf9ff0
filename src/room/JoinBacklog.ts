/**
 * Reliable packets for a participant whose channel is not open yet (D7): kept for two seconds and up to 100,000 bytes, the
 * oldest dropped first, and delivered once.
 */

const ttlMillis = 2_000
const maxBytes = 100_000

export class JoinBacklog {
  readonly #kept: Array<{ readonly bytes: Uint8Array; readonly at: number }> = []
  #size = 0

  add(bytes: Uint8Array, now: number) {
    this.#kept.push({ bytes, at: now })
    this.#size += bytes.length
    while (this.#size > maxBytes) this.#size -= this.#kept.shift()?.bytes.length ?? this.#size
  }

  /** What is still to be delivered, in order. The backlog is empty afterwards. */
  take(now: number): ReadonlyArray<Uint8Array> {
    this.#size = 0
    return this.#kept
      .splice(0)
      .filter(({ at }) => now - at <= ttlMillis)
      .map(({ bytes }) => bytes)
  }
}
