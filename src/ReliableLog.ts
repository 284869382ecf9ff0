/**
 * The ordered log of reliable packets: what was accepted, what was handed to the channel, what is kept for replay (DB1-DB6,
 * S113-S122, S131).
 *
 * A sequence is taken at the moment of appending and by nothing else, so the log has no gap and no reorder. Entries are in
 * sequence order; those before the cursor were handed to the channel, those from it on were not.
 *
 * It is a mutable structure with one owner (see `ReliableSender.ts`), because every packet passes through it.
 */

/**
 * A packet that was accepted, encoded, with its sequence.
 *
 * @category models
 */
export interface Entry {
  readonly sequence: number
  /** The encoded packet. */
  readonly bytes: Uint8Array
}

interface Kept extends Entry {
  /** When it was last handed to the channel, in milliseconds. */
  handedAt: number
}

/**
 * The packets that were accepted and may have to be sent again, in order.
 *
 * @category models
 */
export class ReliableLog {
  #entries: Array<Kept> = []
  /** Index of the oldest entry still kept; the array is compacted now and then. */
  #head = 0
  #cursor = 0
  #nextSequence = 1
  #unsent = 0
  #kept = 0

  /** The sequence that the next entry gets; starts at 1 (S9). */
  get nextSequence(): number {
    return this.#nextSequence
  }

  /** Bytes accepted and not yet handed to the channel. */
  get unsentBytes(): number {
    return this.#unsent
  }

  /** Bytes handed to the channel and kept for replay. */
  get keptBytes(): number {
    return this.#kept
  }

  /** Appends bytes that were encoded with `nextSequence`. */
  append(bytes: Uint8Array): Entry {
    const entry: Kept = { sequence: this.#nextSequence, bytes, handedAt: Infinity }
    this.#nextSequence++
    this.#entries.push(entry)
    this.#unsent += bytes.length
    return entry
  }

  /** The oldest entry that was not handed to the channel since the last rewind. */
  peek(): Entry | undefined {
    return this.#entries[this.#cursor]
  }

  /** The entry of `peek` was handed to the channel at a time in milliseconds. */
  advance(now: number): void {
    const entry = this.#entries[this.#cursor]
    if (entry === undefined) return
    entry.handedAt = now
    this.#cursor++
    this.#unsent -= entry.bytes.length
    this.#kept += entry.bytes.length
  }

  /**
   * Drops the oldest handed entries while more than `limit` bytes of them are kept (DB3, S43). What was not handed is never
   * dropped.
   */
  trim(limit: number): void {
    while (this.#kept > limit && this.#head < this.#cursor) this.#drop()
    this.#compact()
  }

  /** Drops what the server has: every handed entry up to and including `sequence` (S131). */
  acknowledge(sequence: number): void {
    let oldest = this.#entries[this.#head]
    while (oldest !== undefined && this.#head < this.#cursor && oldest.sequence <= sequence) {
      this.#drop()
      oldest = this.#entries[this.#head]
    }
    this.#compact()
  }

  /** Everything kept is to be handed to the channel again, in order. */
  rewind(): void {
    this.#cursor = this.#head
    this.#unsent += this.#kept
    this.#kept = 0
  }

  /** What was handed to the channel and is still kept. */
  handed(): ReadonlyArray<Entry> {
    return this.#entries.slice(this.#head, this.#cursor)
  }

  /** What was handed to the channel since a time, or is among the last so many bytes that were handed. */
  handedSince(since: number, bytes: number): ReadonlyArray<Entry> {
    const entries = this.handed()
    let first = entries.length
    let sum = 0
    for (let entry = this.#entries[this.#cursor - 1]; entry !== undefined && first > 0;) {
      if (entry.handedAt < since && sum >= bytes) break
      sum += entry.bytes.length
      first--
      entry = this.#entries[this.#head + first - 1]
    }
    return entries.slice(first)
  }

  /** What was not handed to the channel. */
  pending(): ReadonlyArray<Entry> {
    return this.#entries.slice(this.#cursor)
  }

  /** Forgets everything and starts at sequence 1, as a new session does. */
  clear(): void {
    this.#entries = []
    this.#head = 0
    this.#cursor = 0
    this.#nextSequence = 1
    this.#unsent = 0
    this.#kept = 0
  }

  #drop() {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return
    this.#head++
    this.#kept -= entry.bytes.length
  }

  /** Removes what was dropped; amortised, so that a long session costs the same per packet. */
  #compact() {
    if (this.#head < 64 || this.#head * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#head)
    this.#cursor -= this.#head
    this.#head = 0
  }
}
