/**
 * The engine in Node: WebRTC by `@roamhq/wrtc`, the platform's own WebSocket and fetch.
 */
import * as Layer from "effect/Layer"
import type { EngineServices } from "../EngineServices.ts"
import { layerPlatform, layerServicesWithoutDependencies } from "../node/NodePlatform.ts"
import * as RTCEngine from "../RTCEngine.ts"
import * as WrtcPeerConnection from "./WrtcPeerConnection.ts"

export { layerPlatform, layerServicesWithoutDependencies }

/**
 * Everything that `RTCEngine.make` needs.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { WrtcRTCEngine } from "effect-livekit/wrtc"
 * import { Effect } from "effect"
 *
 * const twoEngines = Effect.all([RTCEngine.make, RTCEngine.make]).pipe(Effect.provide(WrtcRTCEngine.layerServices))
 * ```
 *
 * @category layers
 */
export const layerServices: Layer.Layer<EngineServices> = layerServicesWithoutDependencies.pipe(
  Layer.provide(WrtcPeerConnection.layer),
  Layer.provide(layerPlatform)
)

/**
 * One engine.
 *
 * @category layers
 */
export const layer: Layer.Layer<RTCEngine.RTCEngine> = RTCEngine.layer.pipe(Layer.provide(layerServices))
