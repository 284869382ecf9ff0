/**
 * The engine in a browser: its own WebSocket, fetch and RTCPeerConnection.
 */
import { ClientInfo, ClientInfo_SDK } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EngineConfig } from "../EngineConfig.ts"
import * as HttpGet from "../HttpGet.ts"
import * as EngineServices from "../EngineServices.ts"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import * as RTCEngine from "../RTCEngine.ts"
import * as WebSocketConstructor from "../WebSocketConstructor.ts"
import * as BrowserPeerConnection from "./BrowserPeerConnection.ts"
import { gzip } from "./gzip.ts"
import { MissingGlobal } from "./MissingGlobal.ts"
import * as PageEvents from "./PageEvents.ts"
import * as PageScheduler from "./PageScheduler.ts"
import * as quirks from "./quirks.ts"

/**
 * WebSocket and HTTP of the browser. Dies with `MissingGlobal` where they are missing; they are looked for when the layer is
 * built.
 *
 * @category layers
 */
export const layerPlatform: Layer.Layer<EngineServices.Platform> = Layer.unwrap(
  Effect.suspend(() => {
    for (const global of ["WebSocket", "fetch"] as const) {
      if (typeof globalThis[global] !== "function") return Effect.die(new MissingGlobal({ global }))
    }
    const { WebSocket } = globalThis
    return Effect.succeed(
      Layer.mergeAll(
        WebSocketConstructor.layer((url) => new WebSocket(url)),
        HttpGet.layerFetch((...request) => globalThis.fetch(...request))
      )
    )
  })
)

/** Fills in what the platform knows, leaving alone what the user set. */
const layerConfig = Layer.effect(
  EngineConfig,
  Effect.map(EngineConfig, (config) => {
    const { needsOfferAfterJoin } = quirks.of(globalThis.navigator?.userAgent ?? "")
    return {
      ...config,
      gzip: config.gzip ?? gzip(),
      offerInJoin: needsOfferAfterJoin ? "never" : config.offerInJoin,
      clientInfo: new ClientInfo({
        ...config.clientInfo,
        sdk: config.clientInfo.sdk === ClientInfo_SDK.UNKNOWN ? ClientInfo_SDK.JS : config.clientInfo.sdk
      })
    }
  })
)

const layerPage = Layer.merge(PageEvents.layer, PageScheduler.layer)

/**
 * Everything an engine needs but the WebRTC runtime; for many engines in one page (`RTCEngine.make`). It also says how fibers
 * take turns in a page ({@link PageScheduler.layer}), and has engines heed what the page hears ({@link PageEvents.layer}).
 *
 * @category layers
 */
export const layerServicesWithoutDependencies: Layer.Layer<
  EngineServices.EngineServices,
  never,
  PeerConnectionFactory | EngineServices.Platform
> = EngineServices.layer.pipe(Layer.provideMerge(layerConfig), Layer.provideMerge(layerPage))

/**
 * Everything that `RTCEngine.make` needs.
 *
 * @category layers
 */
export const layerServices: Layer.Layer<EngineServices.EngineServices> = layerServicesWithoutDependencies.pipe(
  Layer.provide(BrowserPeerConnection.layer),
  Layer.provide(layerPlatform)
)

/**
 * One engine. The program that is given this layer takes turns as {@link PageScheduler.layer} says.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { BrowserRTCEngine } from "effect-livekit/browser"
 * import { Effect, type Redacted } from "effect"
 *
 * const join = (url: string, token: Redacted.Redacted<string>) =>
 *   Effect.flatMap(RTCEngine.RTCEngine, (engine) => engine.connect({ url, token })).pipe(
 *     Effect.andThen(Effect.never),
 *     Effect.scoped,
 *     Effect.provide(BrowserRTCEngine.layer)
 *   )
 * ```
 *
 * @category layers
 */
export const layer: Layer.Layer<RTCEngine.RTCEngine> = RTCEngine.layer.pipe(
  Layer.provide(layerServices),
  Layer.merge(PageScheduler.layer)
)
