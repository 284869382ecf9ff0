/**
 * What every platform's engine is made of, above the seams. A platform of your own provides `PeerConnectionFactory`,
 * `WebSocketConstructor` and `HttpGet` to {@link layer}.
 */
import * as Layer from "effect/Layer"
import * as DataChannel from "./DataChannel.ts"
import type { HttpGet } from "./HttpGet.ts"
import type { PeerConnectionFactory } from "./PeerConnectionFactory.ts"
import * as PeerConnectionTransport from "./PeerConnectionTransport.ts"
import * as RegionUrlProvider from "./RegionUrlProvider.ts"
import * as SignalClient from "./SignalClient.ts"
import type { WebSocketConstructor } from "./WebSocketConstructor.ts"

/**
 * What `RTCEngine.make` needs.
 *
 * @category models
 */
export type EngineServices =
  | SignalClient.SignalClient
  | PeerConnectionTransport.Factory
  | DataChannel.DataChannel
  | RegionUrlProvider.RegionUrlProvider

/**
 * What a platform gives beside WebRTC.
 *
 * @category models
 */
export type Platform = WebSocketConstructor | HttpGet

/**
 * The services of the engine over a platform's seams.
 *
 * @category layers
 */
export const layer: Layer.Layer<EngineServices, never, PeerConnectionFactory | Platform> = Layer.mergeAll(
  SignalClient.layer,
  PeerConnectionTransport.layer,
  DataChannel.layer,
  RegionUrlProvider.layer
)
