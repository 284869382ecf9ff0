/**
 * What every platform's engine is made of, above the seams.
 */
import * as Layer from "effect/Layer"
import type { DataChannel } from "../DataChannel.ts"
import * as DataChannels from "../DataChannel.ts"
import type { HttpGet } from "../HttpGet.ts"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import * as PeerConnectionTransport from "../PeerConnectionTransport.ts"
import * as RegionUrlProvider from "../RegionUrlProvider.ts"
import * as SignalClient from "../SignalClient.ts"
import type { WebSocketConstructor } from "../WebSocketConstructor.ts"

export type EngineServices =
  | SignalClient.SignalClient
  | PeerConnectionTransport.Factory
  | DataChannel
  | RegionUrlProvider.RegionUrlProvider

export type Platform = WebSocketConstructor | HttpGet

export const layer: Layer.Layer<EngineServices, never, PeerConnectionFactory | Platform> = Layer.mergeAll(
  SignalClient.layer,
  PeerConnectionTransport.layer,
  DataChannels.layer,
  RegionUrlProvider.layer
)
