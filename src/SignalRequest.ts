/**
 * Requests on the signal connection, as pure functions.
 */
import { SignalRequest as SignalRequestMessage } from "@livekit/protocol"

/**
 * A request: the oneof of protobuf's `SignalRequest`.
 *
 * @category models
 */
export type SignalRequest = Exclude<SignalRequestMessage["message"], { readonly case: undefined }>

/**
 * Whether a request is sent at once, past the queue (SC14): it is part of bringing the connection back.
 *
 * @category predicates
 */
export const isPassThrough = (request: SignalRequest): boolean => passThrough.has(request.case)

const passThrough: ReadonlySet<SignalRequest["case"]> = new Set([
  "syncState",
  "trickle",
  "offer",
  "answer",
  "simulate",
  "leave"
])

/**
 * The bytes of a request.
 *
 * @category encoding
 */
export const encode = (request: SignalRequest): Uint8Array => new SignalRequestMessage({ message: request }).toBinary()
