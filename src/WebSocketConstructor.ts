/**
 * The seam to the WebSocket of the platform: one function that opens a socket. `effect-livekit/browser` provides the global
 * `WebSocket`, `/node` that of `ws`; `/testing` provides sockets that never leave the process.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * The events of a W3C `WebSocket`.
 *
 * @category models
 */
export type WebSocketEventType = "open" | "message" | "error" | "close"

/**
 * What the engine reads of an event: `data` of a message, `code` and `reason` of a close.
 *
 * @category models
 */
export interface WebSocketEvent {
  readonly type?: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
}

/**
 * The part of the W3C `WebSocket` that the engine uses.
 *
 * @category models
 */
export interface WebSocketLike {
  binaryType: string
  /** 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  addEventListener(type: WebSocketEventType, listener: (event: WebSocketEvent) => void): void
  removeEventListener(type: WebSocketEventType, listener: (event: WebSocketEvent) => void): void
}

/**
 * Opens a WebSocket. May throw, as the W3C constructor does, when the URL is not acceptable.
 *
 * @example
 * ```ts
 * import { WebSocketConstructor } from "effect-livekit"
 * import { Layer } from "effect"
 *
 * const layer = Layer.succeed(WebSocketConstructor.WebSocketConstructor, (url) => new WebSocket(url))
 * ```
 *
 * @category services
 */
export class WebSocketConstructor extends Context.Service<WebSocketConstructor, (url: string) => WebSocketLike>()(
  "effect-livekit/WebSocketConstructor"
) {}

/**
 * Provides a constructor function.
 *
 * @category layers
 */
export const layer = (make: (url: string) => WebSocketLike): Layer.Layer<WebSocketConstructor> =>
  Layer.succeed(WebSocketConstructor, make)
