import { ReceiveState } from "../ReceiveState.ts"

/**
 * Nonces of reliable packets: 4 bytes that mark them as ours, 8 that name the engine, 8 that count. The server and other
 * receivers compare them as wholes; our receivers use the count to drop what was sent again after a full reconnect.
 */

const mark = [0x65, 0x66, 0x6c, 0x6b]
const length = 20

export interface Nonces {
  readonly next: () => Uint8Array<ArrayBuffer>
}

export const make = (high: number, low: number): Nonces => {
  let count = 0n
  return {
    next: () => {
      const nonce = new Uint8Array(length)
      nonce.set(mark)
      const view = new DataView(nonce.buffer)
      view.setInt32(4, high)
      view.setInt32(8, low)
      view.setBigUint64(12, ++count)
      return nonce
    }
  }
}

/** The engine and the count of a nonce of ours; `undefined` for any other. */
export const read = (nonce: Uint8Array): { readonly engine: string; readonly count: number } | undefined => {
  if (nonce.length !== length || mark.some((byte, index) => nonce[index] !== byte)) return undefined
  const view = new DataView(nonce.buffer, nonce.byteOffset, length)
  return { engine: `${view.getInt32(4)}/${view.getInt32(8)}`, count: Number(view.getBigUint64(12)) }
}

/** What was received under nonces of ours: an engine counts upwards, so a count not above its last one came before. */
export class NonceState {
  readonly #last: ReceiveState

  constructor(ttlMillis: number) {
    this.#last = new ReceiveState(ttlMillis)
  }

  isNew(nonce: Uint8Array, now: number): boolean {
    const own = nonce.length === length ? read(nonce) : undefined
    return own === undefined || this.#last.isNew(own.engine, own.count, now)
  }
}
