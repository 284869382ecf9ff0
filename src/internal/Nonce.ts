/**
 * Nonces of reliable packets, of the 16 bytes by which a LiveKit server drops what its room has seen: 4 that mark them as ours, 6
 * that name the engine, 6 that count. Our receivers use the count to drop what was sent again after a full reconnect.
 */

const mark = [0x65, 0x66, 0x6c, 0x6b]
const length = 16

export interface Nonces {
  readonly next: () => Uint8Array<ArrayBuffer>
}

/** Nonces of the engine that two random integers name. */
export const make = (high: number, low: number): Nonces => {
  let count = 0
  return {
    next: () => {
      const nonce = new Uint8Array(length)
      nonce.set(mark)
      const view = new DataView(nonce.buffer)
      view.setUint32(4, high)
      view.setUint16(8, low)
      count++
      view.setUint16(10, Math.floor(count / 2 ** 32))
      view.setUint32(12, count)
      return nonce
    }
  }
}

/** The engine and the count of a nonce of ours; `undefined` for any other. */
export const read = (nonce: Uint8Array): { readonly engine: string; readonly count: number } | undefined => {
  if (nonce.length !== length || mark.some((byte, index) => nonce[index] !== byte)) return undefined
  const view = new DataView(nonce.buffer, nonce.byteOffset, length)
  return {
    engine: `${view.getUint32(4)}/${view.getUint16(8)}`,
    count: view.getUint16(10) * 2 ** 32 + view.getUint32(12)
  }
}

/** Engines of which the last count is remembered; enough for a large room whose members come and go. */
const remembered = 4_096

/**
 * What was received under nonces of ours: an engine counts upwards, so a count not above its last one came before. A sender may
 * have slept for hours before it sends something again, so none is forgotten for its silence.
 */
export class NonceState {
  readonly #last = new Map<string, number>()

  isNew(nonce: Uint8Array): boolean {
    const own = nonce.length === length ? read(nonce) : undefined
    if (own === undefined) return true
    const last = this.#last.get(own.engine)
    if (last !== undefined && own.count <= last) return false
    this.#last.set(own.engine, own.count)
    if (this.#last.size > remembered) this.#forgetOldest()
    return true
  }

  #forgetOldest() {
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest)
      return
    }
  }
}
