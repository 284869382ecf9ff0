/**
 * Failures of the engine.
 */
import { DisconnectReason } from "@livekit/protocol"
import * as Data from "effect/Data"
import type { DataChannelErrorReason } from "./DataChannelError.ts"
import type { PeerConnectionErrorReason } from "./PeerConnectionError.ts"
import type { SignalErrorReason } from "./SignalError.ts"
import type { TrackErrorReason } from "./TrackError.ts"

/**
 * The operation needs a connection and there is none: before `connect`, or after `disconnect`.
 *
 * @category reasons
 */
export class NotConnected extends Data.TaggedError("NotConnected")<{ readonly operation: string }> {
  override get message() {
    return `${this.operation} needs a connection; call connect first`
  }
}

/**
 * The participant may not send data: its token was made without `canPublishData`, or the permission was taken away
 * (`ParticipantsUpdated`). A server drops such packets and says nothing (D6), so none is accepted.
 *
 * @category reasons
 */
export class DataNotPermitted extends Data.TaggedError("DataNotPermitted")<{}> {
  override get message() {
    return "this participant may not send data; grant canPublishData in its token, or by the server's API"
  }
}

/**
 * `connect` was called while the engine is connected or connecting. The existing connection is not disturbed.
 *
 * @category reasons
 */
export class AlreadyConnected extends Data.TaggedError("AlreadyConnected")<{}> {
  override get message() {
    return "the engine is already connected or connecting; disconnect first, or make another engine"
  }
}

/**
 * The connection was ended on purpose: by `disconnect` while connecting, or by the server's goodbye.
 *
 * @category reasons
 */
export class Ended extends Data.TaggedError("Ended")<{ readonly why: DisconnectReason }> {
  override get message() {
    const advice =
      this.why === DisconnectReason.CONNECTION_TIMEOUT
        ? ": the server has no path to us; check that UDP or TURN to the server is open"
        : ""
    return `the session was ended: ${DisconnectReason[this.why]}${advice}`
  }
}

/**
 * Reconnecting was given up.
 *
 * @category reasons
 */
export class ReconnectExhausted extends Data.TaggedError("ReconnectExhausted")<{
  readonly attempts: number
  /** Milliseconds from the loss to giving up. */
  readonly millis: number
  /** Why the last attempt failed. */
  readonly cause: unknown
}> {
  override get message() {
    return `reconnecting was given up after ${this.attempts} attempts in ${this.millis} ms`
  }
}

/**
 * The connection was ended by a defect: code that threw where it must not, of the engine or of what was given to it (a layer of
 * your own, `applicationState`). `connect` itself dies with it.
 *
 * @category reasons
 */
export class Defect extends Data.TaggedError("Defect")<{ readonly cause: unknown }> {
  override get message() {
    return `the connection was ended by a defect: ${String(this.cause)}; see its cause`
  }
}

/**
 * Everything that an operation of the engine can fail with.
 *
 * @category reasons
 */
export type EngineErrorReason =
  | NotConnected
  | DataNotPermitted
  | AlreadyConnected
  | Ended
  | ReconnectExhausted
  | Defect
  | SignalErrorReason
  | PeerConnectionErrorReason
  | DataChannelErrorReason
  | TrackErrorReason

/**
 * The one error of the engine; `reason` says which failure it was, and is that of the service in which it happened.
 *
 * @category errors
 */
export class EngineError extends Data.TaggedError("EngineError")<{ readonly reason: EngineErrorReason }> {
  override get message() {
    return this.reason.message
  }
  override readonly cause = this.reason
}

/**
 * Wraps a service's error.
 *
 * @category constructors
 */
export const from = (error: { readonly reason: EngineErrorReason }): EngineError =>
  new EngineError({ reason: error.reason })
