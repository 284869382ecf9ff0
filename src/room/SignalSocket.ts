/**
 * The seam to the signal socket of a client, as the server sees it.
 */
import type * as Cause from "effect/Cause"
import type * as Queue from "effect/Queue"

/**
 * @category models
 */
export interface SignalSocket {
  readonly send: (bytes: Uint8Array) => void
  readonly close: (code: number) => void
  /** Ends the socket without a word, as a broken network does. */
  readonly destroy: () => void
  /** Binary frames in order; ends with the socket. */
  readonly frames: Queue.Dequeue<Uint8Array, Cause.Done>
}
