/**
 * Failures of a WebRTC peer connection.
 */
import * as Data from "effect/Data"
import type { Recovery } from "./Recovery.ts"

/**
 * Which of the two peer connections of a LiveKit session failed.
 *
 * @category models
 */
export type Target = "publisher" | "subscriber"

/**
 * The runtime could not create a peer connection (PT1).
 *
 * @category reasons
 */
export class CreationFailed extends Data.TaggedError("CreationFailed")<{ readonly cause: unknown }> {
  readonly recovery: Recovery = "GiveUp"
  override get message() {
    return "the WebRTC runtime could not create a peer connection; check the RTC configuration and that the runtime is installed"
  }
}

/**
 * One step of an offer/answer exchange failed.
 *
 * @category reasons
 */
export class NegotiationFailed extends Data.TaggedError("NegotiationFailed")<{
  readonly step:
    | "createOffer"
    | "createAnswer"
    | "setLocalDescription"
    | "setRemoteDescription"
    | "addIceCandidate"
    | "setConfiguration"
    | "createDataChannel"
    | "awaitAnswer"
  readonly cause: unknown
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `negotiation failed at ${this.step}`
  }
}

/**
 * The peer connection did not become connected in time.
 *
 * @category reasons
 */
export class IceTimeout extends Data.TaggedError("IceTimeout")<{
  readonly target: Target
  readonly millis: number
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `the ${this.target} peer connection was not connected within ${this.millis} ms; check that UDP or TURN to the server is open`
  }
}

/**
 * The peer connection is connected, and one of its data channels did not open in time, or was closed instead.
 *
 * @category reasons
 */
export class ChannelNotOpened extends Data.TaggedError("ChannelNotOpened")<{
  readonly target: Target
  readonly label: string
  readonly millis: number
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `data channel ${this.label} of the ${this.target} did not open within ${this.millis} ms, or was closed instead`
  }
}

/**
 * The peer connection says that it is connected, and the far end answers nothing over it.
 *
 * @category reasons
 */
export class PathDead extends Data.TaggedError("PathDead")<{
  readonly target: Target
  readonly millis: number
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `nothing came back over the ${this.target} peer connection within ${this.millis} ms; the network path is gone`
  }
}

/**
 * The peer connection reported `failed`.
 *
 * @category reasons
 */
export class Failed extends Data.TaggedError("Failed")<{ readonly target: Target }> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return `the ${this.target} peer connection failed: no path to the server; check that UDP or TURN is open`
  }
}

/**
 * The peer connection was closed, by us or by the far end (PT5).
 *
 * @category reasons
 */
export class Closed extends Data.TaggedError("Closed")<{ readonly target: Target }> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `the ${this.target} peer connection is closed`
  }
}

/**
 * The runtime lacks a capability that the operation needs.
 *
 * @category reasons
 */
export class Unsupported extends Data.TaggedError("Unsupported")<{ readonly capability: string }> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `this WebRTC runtime does not support ${this.capability}`
  }
}

/**
 * The runtime refused an operation on media: a track it does not know, a transceiver on a closed peer connection, encodings it
 * cannot have. Nothing else is disturbed.
 *
 * @category reasons
 */
export class MediaFailed extends Data.TaggedError("MediaFailed")<{
  readonly step: "addTransceiver" | "removeTrack" | "replaceTrack" | "setDirection"
  readonly cause: unknown
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `the WebRTC runtime refused ${this.step}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/**
 * Everything that can go wrong with a peer connection.
 *
 * @category reasons
 */
export type PeerConnectionErrorReason =
  | CreationFailed
  | NegotiationFailed
  | IceTimeout
  | ChannelNotOpened
  | PathDead
  | Failed
  | Closed
  | Unsupported
  | MediaFailed

/**
 * The one error of everything that touches a peer connection; `reason` says which failure it was.
 *
 * @category errors
 */
export class PeerConnectionError extends Data.TaggedError("PeerConnectionError")<{
  readonly reason: PeerConnectionErrorReason
}> {
  override get message() {
    return this.reason.message
  }
  override readonly cause = this.reason
  get recovery(): Recovery {
    return this.reason.recovery
  }
}
