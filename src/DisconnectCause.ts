/**
 * Everything that can trouble a connection, as values for the supervisor.
 */
import type { LeaveRequest } from "@livekit/protocol"
import { DisconnectReason, ReconnectReason } from "@livekit/protocol"
import type { DataChannelErrorReason } from "./DataChannelError.ts"
import type { EngineErrorReason } from "./EngineError.ts"
import type { PeerConnectionErrorReason, Target } from "./PeerConnectionError.ts"
import { Failed } from "./PeerConnectionError.ts"
import type { SignalEnd } from "./SignalConnection.ts"
import * as Recovery from "./Recovery.ts"
import { SocketLost } from "./SignalError.ts"
import { Defect, Ended } from "./EngineError.ts"

/**
 * What troubles a connection.
 *
 * @category models
 */
export type DisconnectCause =
  /** The signal connection ended, whatever its code (V2, W4). */
  | { readonly _tag: "SignalEnded"; readonly end: SignalEnd }
  /** A peer connection reported `failed`. */
  | { readonly _tag: "PeerConnectionFailed"; readonly target: Target }
  /** Negotiation failed, or a peer connection that was needed did not connect in time. */
  | { readonly _tag: "PeerConnectionError"; readonly target: Target; readonly reason: PeerConnectionErrorReason }
  /** A channel was closed or refuses data while its peer connection is up. */
  | { readonly _tag: "ChannelLost"; readonly reason: DataChannelErrorReason }
  /** The server said leave. */
  | { readonly _tag: "Leave"; readonly leave: LeaveRequest }
  /** The application asked for a reconnect: the network is back, or it knows better. */
  | { readonly _tag: "Requested" }
  /** Code threw where it must not: the engine's, or what was given to it. */
  | { readonly _tag: "Defect"; readonly cause: unknown }

/**
 * What the cause alone asks for.
 *
 * @category decisions
 */
export const recovery = (cause: DisconnectCause): "Resume" | "Restart" | "GiveUp" => {
  switch (cause._tag) {
    case "SignalEnded":
    case "PeerConnectionFailed":
    case "Requested":
      return "Resume"
    case "PeerConnectionError":
      return cause.reason.recovery
    case "ChannelLost":
      return "Restart"
    case "Defect":
      return "GiveUp"
    case "Leave":
      return Recovery.ofLeave(cause.leave)
  }
}

/**
 * Whether a leave may still be on its way that says why: a server that ends a session closes its media too, and that may be
 * seen first.
 *
 * @category decisions
 */
export const mayBeExplained = (cause: DisconnectCause): boolean =>
  cause._tag === "ChannelLost" || cause._tag === "PeerConnectionFailed"

/**
 * What the server is told as the reason of a resume (Q10).
 *
 * @category conversions
 */
export const reconnectReason = (cause: DisconnectCause): ReconnectReason => {
  switch (cause._tag) {
    case "SignalEnded":
      return ReconnectReason.RR_SIGNAL_DISCONNECTED
    case "PeerConnectionFailed":
    case "PeerConnectionError":
      return cause.target === "publisher" ? ReconnectReason.RR_PUBLISHER_FAILED : ReconnectReason.RR_SUBSCRIBER_FAILED
    default:
      return ReconnectReason.RR_UNKNOWN
  }
}

/**
 * What users are told as the reason when the cause ends the connection.
 *
 * @category conversions
 */
export const disconnectReason = (cause: DisconnectCause): DisconnectReason => {
  switch (cause._tag) {
    case "Leave":
      return cause.leave.reason
    case "SignalEnded":
      return DisconnectReason.SIGNAL_CLOSE
    case "PeerConnectionFailed":
    case "PeerConnectionError":
      return DisconnectReason.CONNECTION_TIMEOUT
    case "ChannelLost":
      return DisconnectReason.STATE_MISMATCH
    case "Requested":
    case "Defect":
      return DisconnectReason.UNKNOWN_REASON
  }
}

/**
 * The cause as the reason of an error.
 *
 * @category conversions
 */
export const toReason = (cause: DisconnectCause): EngineErrorReason => {
  switch (cause._tag) {
    case "SignalEnded":
      return cause.end._tag === "PingTimeout"
        ? new SocketLost({ code: 3000, why: "ping timeout" })
        : new SocketLost({ code: cause.end.code, why: cause.end.why })
    case "PeerConnectionFailed":
      return new Failed({ target: cause.target })
    case "PeerConnectionError":
    case "ChannelLost":
      return cause.reason
    case "Leave":
      return new Ended({ why: cause.leave.reason })
    case "Requested":
      return new Ended({ why: DisconnectReason.UNKNOWN_REASON })
    case "Defect":
      return new Defect({ cause: cause.cause })
  }
}
