/**
 * The engine in Node: WebRTC by node-datachannel, the platform's own WebSocket and fetch.
 */
import { ClientInfo, ClientInfo_SDK } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DataChannel } from "../DataChannel.ts"
import * as DataChannels from "../DataChannel.ts"
import { EngineConfig } from "../EngineConfig.ts"
import * as HttpGet from "../HttpGet.ts"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import * as PeerConnectionTransport from "../PeerConnectionTransport.ts"
import * as RegionUrlProvider from "../RegionUrlProvider.ts"
import * as RTCEngine from "../RTCEngine.ts"
import * as SignalClient from "../SignalClient.ts"
import * as WebSocketConstructor from "../WebSocketConstructor.ts"
import { gzip } from "./gzip.ts"
import * as NodeDataChannel from "./NodeDataChannel.ts"

/**
 * WebSocket and HTTP of the Node runtime.
 *
 * @category layers
 */
export const layerPlatform: Layer.Layer<WebSocketConstructor.WebSocketConstructor | HttpGet.HttpGet> = Layer.mergeAll(
  WebSocketConstructor.layer((url) => new WebSocket(url)),
  HttpGet.layerFetch(fetch)
)

/** Fills in what the platform knows, leaving alone what the user set. */
const layerConfig = Layer.effect(
  EngineConfig,
  Effect.map(EngineConfig, (config) => ({
    ...config,
    gzip: config.gzip ?? gzip,
    clientInfo: new ClientInfo({
      ...config.clientInfo,
      sdk: config.clientInfo.sdk === ClientInfo_SDK.UNKNOWN ? ClientInfo_SDK.NODE : config.clientInfo.sdk,
      os: config.clientInfo.os === "" ? process.platform : config.clientInfo.os,
      deviceModel: config.clientInfo.deviceModel === "" ? process.arch : config.clientInfo.deviceModel
    })
  }))
)

/**
 * Everything an engine needs but the WebRTC runtime; for many engines in one process (`RTCEngine.make`).
 *
 * @category layers
 */
export const layerServicesWithoutDependencies: Layer.Layer<
  SignalClient.SignalClient | PeerConnectionTransport.Factory | DataChannel | RegionUrlProvider.RegionUrlProvider,
  never,
  PeerConnectionFactory | WebSocketConstructor.WebSocketConstructor | HttpGet.HttpGet
> = Layer.mergeAll(SignalClient.layer, PeerConnectionTransport.layer, DataChannels.layer, RegionUrlProvider.layer).pipe(
  Layer.provide(layerConfig)
)

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
export const layerServices: Layer.Layer<
  SignalClient.SignalClient | PeerConnectionTransport.Factory | DataChannel | RegionUrlProvider.RegionUrlProvider
> = layerServicesWithoutDependencies.pipe(Layer.provide(NodeDataChannel.layer), Layer.provide(layerPlatform))

/**
 * One engine.
 *
 * @category layers
 */
export const layer: Layer.Layer<RTCEngine.RTCEngine> = RTCEngine.layer.pipe(Layer.provide(layerServices))
