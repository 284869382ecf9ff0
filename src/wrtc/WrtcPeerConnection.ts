/**
 * The peer-connection seam over `@roamhq/wrtc` (libwebrtc): real ICE restart, ICE servers that can be replaced, stats.
 */
// CommonJS: what it exports is only to be had from the default.
import wrtc from "@roamhq/wrtc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { turns } from "../node/turns.ts"
import * as W3CPeerConnection from "../internal/W3CPeerConnection.ts"
import { type Capabilities, PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import { collect } from "./collect.ts"
import { exitWithoutTeardown } from "./exit.ts"

/**
 * What wrtc can do.
 *
 * @category constants
 */
export const capabilities: Capabilities = W3CPeerConnection.capabilities

/**
 * Peer connections by `@roamhq/wrtc`. When the layer is released, what is closed is collected; and a process that used it
 * ends without the teardown of Node, in which it may crash.
 *
 * @category layers
 */
export const layer: Layer.Layer<PeerConnectionFactory> = Layer.effect(
  PeerConnectionFactory,
  Effect.acquireRelease(
    Effect.sync(() => {
      exitWithoutTeardown()
      return W3CPeerConnection.factory(wrtc.RTCPeerConnection, { handedOver: turns })
    }),
    () => collect
  )
)
