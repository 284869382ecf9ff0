/**
 * Requests that wait for a signal connection (SC14-SC16). They survive the loss of a connection and go out, in the order they
 * were made, on the next one once the engine opens the gate (after the peer connections are back, S105).
 *
 * One queue serves one session; what is still in it when the session is given up is dropped with it.
 */
import * as Effect from "effect/Effect"
import { InvalidRequest, NoSignal, SignalError } from "./SignalError.ts"
import type { SignalConnection } from "./SignalConnection.ts"
import { encode, isPassThrough, type SignalRequest } from "./SignalRequest.ts"

/**
 * Requests in the order they are made, kept while there is no connection (SC14).
 *
 * @category models
 */
export interface SignalRequestQueue {
  /**
   * Sends a pass-through request at once, or fails with `NoSignal` when there is no connection; queues any other. Fails with
   * `InvalidRequest` before, when it cannot be encoded: in the queue it would be in the way of all that follow.
   */
  readonly send: (request: SignalRequest) => Effect.Effect<void, SignalError>
  /** Whether a request is still queued. */
  readonly isQueued: (request: SignalRequest) => boolean
  /** Takes a queued request back; false when it is on its way already. */
  readonly withdraw: (request: SignalRequest) => boolean
  /** Sends past the queue; false when there is no connection. */
  readonly sendUnsafe: (request: SignalRequest) => boolean
  /** Uses this connection for what follows; the gate stays closed. */
  readonly attach: (connection: SignalConnection) => Effect.Effect<void>
  /** Lets the queued requests out (SC15). */
  readonly open: Effect.Effect<void>
  /** The connection is gone: queue until the next one. */
  readonly detach: Effect.Effect<void>
  readonly size: Effect.Effect<number>
}

/**
 * Makes a queue; nothing is attached to it.
 *
 * @category constructors
 */
export const make: Effect.Effect<SignalRequestQueue> = Effect.sync(() => {
  const waiting: Array<SignalRequest> = []
  let connection: SignalConnection | undefined
  let isOpen = false

  const drain = () => {
    while (isOpen && connection !== undefined && waiting.length > 0) {
      const [next] = waiting
      if (next === undefined || !connection.sendUnsafe(next)) return
      waiting.shift()
    }
  }

  return {
    send: Effect.fnUntraced(function* (request) {
      yield* Effect.try({
        try: () => encode(request),
        catch: (cause) => new SignalError({ reason: new InvalidRequest({ request: request.case, cause }) })
      })
      if (isPassThrough(request)) {
        if (connection?.sendUnsafe(request) === true) return
        return yield* new SignalError({ reason: new NoSignal({ request: request.case }) })
      }
      waiting.push(request)
      drain()
    }),
    isQueued: (request) => waiting.includes(request),
    withdraw: (request) => {
      const index = waiting.indexOf(request)
      if (index >= 0) waiting.splice(index, 1)
      return index >= 0
    },
    sendUnsafe: (request) => connection?.sendUnsafe(request) === true,
    attach: (next) =>
      Effect.sync(() => {
        connection = next
        isOpen = false
      }),
    open: Effect.sync(() => {
      isOpen = true
      drain()
    }),
    detach: Effect.sync(() => {
      connection = undefined
    }),
    size: Effect.sync(() => waiting.length)
  }
})
