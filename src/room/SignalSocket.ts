/**
 * The seam to the signal socket of a client, as the server sees it.
 */
import type * as Cause from "effect/Cause"
import type * as Queue from "effect/Queue"

/**
 * One message on the signal: protobuf in a binary frame, or JSON in a text frame (W2).
 *
 * @category models
 */
export type Frame = Uint8Array | string

/**
 * @category models
 */
export interface SignalSocket {
  readonly send: (frame: Frame) => void
  /** Closes after what was sent has gone out. The code is one that may be sent: 1000 to 1014 without 1004 to 1006, or 3000 to 4999. */
  readonly close: (code: number) => void
  /** Ends the socket without a word, as a broken network does. */
  readonly destroy: () => void
  /** Frames in order; ends with the socket. */
  readonly frames: Queue.Dequeue<Frame, Cause.Done>
}
