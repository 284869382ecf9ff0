/**
 * Failures of the signal connection: the WebSocket between the engine and the server.
 */
import { DisconnectReason } from "@livekit/protocol"
import type { LeaveRequest_Action, RegionSettings } from "@livekit/protocol"
import * as Data from "effect/Data"
import { excerpt } from "./internal/redact.ts"
import type { Recovery } from "./Recovery.ts"

/**
 * The URL is not one that can be dialled.
 *
 * @category reasons
 */
export class InvalidUrl extends Data.TaggedError("InvalidUrl")<{ readonly why: string }> {
  readonly recovery: Recovery = "GiveUp"
  override get message() {
    return `the server URL cannot be used: ${this.why}; give one like wss://example.livekit.cloud or ws://127.0.0.1:7880`
  }
}

/**
 * The WebSocket did not open in time (SC7).
 *
 * @category reasons
 */
export class DialTimeout extends Data.TaggedError("DialTimeout")<{ readonly millis: number }> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return `the server did not complete the WebSocket upgrade within ${this.millis} ms; check firewalls and proxies on the way`
  }
}

/**
 * The WebSocket opened and no first message came in time.
 *
 * @category reasons
 */
export class FirstFrameTimeout extends Data.TaggedError("FirstFrameTimeout")<{ readonly millis: number }> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return `the server accepted the connection but sent no first message within ${this.millis} ms; is this a LiveKit server?`
  }
}

/**
 * Nobody answered: neither the WebSocket nor the HTTP request that asked why.
 *
 * @category reasons
 */
export class Unreachable extends Data.TaggedError("Unreachable")<{
  /** Scheme, host and port that were tried. */
  readonly origin: string
  readonly cause: Error
}> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return `cannot reach ${this.origin}: ${this.cause.message}; check the address and that the server is running`
  }
}

/**
 * The server answered the dial with an HTTP error (LiveKit server 1.13). 401 and 403 will not change by trying again.
 *
 * @category reasons
 */
export class Rejected extends Data.TaggedError("Rejected")<{
  readonly status: number
  /** The body of the answer, exactly; only the token is taken out, should the server repeat it. */
  readonly body: string
}> {
  get recovery(): Recovery {
    return this.status === 401 || this.status === 403 ? "GiveUp" : "Restart"
  }
  override get message() {
    return this.status === 401 || this.status === 403
      ? `the server refused the token (${this.status}): ${excerpt(this.body)}`
      : `the server refused the connection (${this.status}): ${excerpt(this.body)}`
  }
}

/**
 * The WebSocket was refused although the `validate` route answers that all is well: a proxy that does not pass WebSockets, a
 * server that was just starting, or, by its `body`, no LiveKit server.
 *
 * @category reasons
 */
export class UpgradeFailed extends Data.TaggedError("UpgradeFailed")<{
  readonly status: number
  /** `success` of a LiveKit server; only the token is taken out, should it be repeated. */
  readonly body: string
}> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return this.isLiveKit
      ? `the WebSocket upgrade failed although the server's validate route answered ${this.status}; check proxies between here and the server`
      : `the WebSocket upgrade failed, and over HTTP the answer is ${this.status} and not that of a LiveKit server: ${excerpt(this.body)}; check the address`
  }
  /** Whether the answer is that of a LiveKit server, which has then accepted the token. */
  get isLiveKit(): boolean {
    return this.body.trim() === "success"
  }
}

/**
 * The socket ended before the handshake was complete.
 *
 * @category reasons
 */
export class SocketLost extends Data.TaggedError("SocketLost")<{ readonly code: number; readonly why: string }> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return `the signal connection was closed (code ${this.code}${this.why === "" ? "" : `, ${this.why}`})`
  }
}

/**
 * The server answered the handshake with a leave (SC10, Q3).
 *
 * @category reasons
 */
export class LeaveReceived extends Data.TaggedError("LeaveReceived")<{
  readonly action: LeaveRequest_Action
  readonly why: DisconnectReason
  readonly regions: RegionSettings | undefined
  readonly recovery: Recovery
}> {
  override get message() {
    return `the server ended the session during the handshake: ${DisconnectReason[this.why]}`
  }
}

/**
 * The first message was not one that may come first (W1).
 *
 * @category reasons
 */
export class ProtocolViolation extends Data.TaggedError("ProtocolViolation")<{
  readonly expected: string
  readonly got: string
  readonly cause?: unknown
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `expected ${this.expected} as the first message, got ${this.got}; is this a LiveKit server?`
  }
}

/**
 * A request was made while there is no signal connection to carry it (SC16).
 *
 * @category reasons
 */
export class NoSignal extends Data.TaggedError("NoSignal")<{ readonly request: string }> {
  readonly recovery: Recovery = "Resume"
  override get message() {
    return `cannot send ${this.request}: there is no signal connection`
  }
}

/**
 * A request has a value that cannot be encoded, such as a number where a string belongs. It was neither sent nor queued.
 *
 * @category reasons
 */
export class InvalidRequest extends Data.TaggedError("InvalidRequest")<{
  readonly request: string
  readonly cause: unknown
}> {
  readonly recovery: Recovery = "GiveUp"
  override get message() {
    return `the request ${this.request} cannot be encoded: ${String(this.cause)}`
  }
}

/**
 * Everything that can go wrong with a signal connection.
 *
 * @category reasons
 */
export type SignalErrorReason =
  | InvalidUrl
  | DialTimeout
  | FirstFrameTimeout
  | Unreachable
  | Rejected
  | UpgradeFailed
  | SocketLost
  | LeaveReceived
  | ProtocolViolation
  | NoSignal
  | InvalidRequest

/**
 * The one error of the signal connection; `reason` says which failure it was. No reason carries the token.
 *
 * @category errors
 */
export class SignalError extends Data.TaggedError("SignalError")<{ readonly reason: SignalErrorReason }> {
  override get message() {
    return this.reason.message
  }
  override readonly cause = this.reason
  get recovery(): Recovery {
    return this.reason.recovery
  }
}
