/**
 * The peer-connection seam over the browser's `RTCPeerConnection`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as W3CPeerConnection from "../internal/W3CPeerConnection.ts"
import { type Capabilities, PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import { MissingGlobal } from "./MissingGlobal.ts"

/**
 * What browsers can do.
 *
 * @category constants
 */
export const capabilities: Capabilities = W3CPeerConnection.capabilities

/**
 * Peer connections of the browser. Dies with `MissingGlobal` where there is no `RTCPeerConnection`; it is looked for when the
 * layer is built, so that importing this is harmless on a server.
 *
 * @category layers
 */
export const layer: Layer.Layer<PeerConnectionFactory> = Layer.effect(
  PeerConnectionFactory,
  Effect.suspend(() =>
    typeof globalThis.RTCPeerConnection === "function"
      ? Effect.succeed(W3CPeerConnection.factory(globalThis.RTCPeerConnection))
      : Effect.die(new MissingGlobal({ global: "RTCPeerConnection" }))
  )
)
