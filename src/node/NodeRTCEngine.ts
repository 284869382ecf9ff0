/**
 * The engine in Node: WebRTC by node-datachannel, the platform's own WebSocket and fetch.
 */
import * as Layer from "effect/Layer"
import type { EngineServices } from "../EngineServices.ts"
import * as RTCEngine from "../RTCEngine.ts"
import * as NodeDataChannel from "./NodeDataChannel.ts"
import { layerPlatform, layerServicesWithoutDependencies } from "./NodePlatform.ts"

export { layerPlatform, layerServicesWithoutDependencies }

/**
 * Everything that `RTCEngine.make` needs.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { NodeRTCEngine } from "effect-livekit/node"
 * import { Effect } from "effect"
 *
 * const twoEngines = Effect.all([RTCEngine.make, RTCEngine.make]).pipe(Effect.provide(NodeRTCEngine.layerServices))
 * ```
 *
 * @category layers
 */
export const layerServices: Layer.Layer<EngineServices> = layerServicesWithoutDependencies.pipe(
  Layer.provide(NodeDataChannel.layer),
  Layer.provide(layerPlatform)
)

/**
 * One engine.
 *
 * @category layers
 */
export const layer: Layer.Layer<RTCEngine.RTCEngine> = RTCEngine.layer.pipe(Layer.provide(layerServices))
