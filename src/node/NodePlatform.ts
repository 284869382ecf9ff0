/**
 * What Node gives an engine, whichever WebRTC runtime it uses.
 */
import { ClientInfo, ClientInfo_SDK } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EngineConfig } from "../EngineConfig.ts"
import * as HttpGet from "../HttpGet.ts"
import * as EngineServices from "../EngineServices.ts"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import * as WebSocketConstructor from "../WebSocketConstructor.ts"
import { gzip } from "./gzip.ts"
import { openWebSocket } from "./openWebSocket.ts"

/**
 * WebSocket and HTTP of the Node runtime.
 *
 * @category layers
 */
export const layerPlatform: Layer.Layer<EngineServices.Platform> = Layer.mergeAll(
  WebSocketConstructor.layer(openWebSocket),
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
  EngineServices.EngineServices,
  never,
  PeerConnectionFactory | EngineServices.Platform
> = EngineServices.layer.pipe(Layer.provide(layerConfig))
