/**
 * The nonces of user packets that a room has seen (D6). A LiveKit server knows nonces of 16 bytes only, and the last hundred of
 * them; any other nonce tells it nothing.
 */

const nonceLength = 16
const remembered = 100

export class RecentNonces {
  readonly #seen = new Set<string>()

  /** Whether a packet with this nonce went through the room before; remembers it. */
  isDuplicate(nonce: Uint8Array): boolean {
    if (nonce.length !== nonceLength) return false
    const key = nonce.join(",")
    if (this.#seen.has(key)) return true
    this.#seen.add(key)
    if (this.#seen.size <= remembered) return false
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest)
      break
    }
    return false
  }
}
