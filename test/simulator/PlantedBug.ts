/**
 * A bug that is put into an engine on purpose: by layers that wrap its services and its platform, or by other source text, which
 * a worker loads in place of the engine's.
 */
import { Context, Effect, Layer } from "effect"
import type {
  DataChannel,
  EngineConfig,
  HttpGet,
  PeerConnectionFactory,
  PeerConnectionTransport,
  ReconnectPolicy,
  RegionUrlProvider,
  SignalClient,
  WebSocketConstructor
} from "effect-livekit"

export type Service =
  | SignalClient.SignalClient
  | PeerConnectionTransport.Factory
  | DataChannel.DataChannel
  | RegionUrlProvider.RegionUrlProvider
export type Platform =
  | WebSocketConstructor.WebSocketConstructor
  | HttpGet.HttpGet
  | PeerConnectionFactory.PeerConnectionFactory

export interface PlantedBug {
  readonly name: string
  /** Where it was seen: LiveKit's own clients (`#` their pull requests, V a defect found in them), or the reference engine (S). */
  readonly source: string
  readonly settings?: Partial<EngineConfig.EngineSettings>
  readonly policy?: (policy: ReconnectPolicy.Policy) => ReconnectPolicy.Policy
  readonly platform?: (platform: Layer.Layer<Platform>) => Layer.Layer<Platform>
  readonly services?: (services: Layer.Layer<Service>) => Layer.Layer<Service>
  /** Text of a file in `src` that is replaced when the file is loaded. */
  readonly edits?: ReadonlyArray<{ readonly file: string; readonly from: string; readonly to: string }>
}

/** Replaces one service of a layer by what is made of it. */
export const wrap =
  <I, A>(key: Context.Key<I, A>, change: (service: A) => A) =>
  <S>(layer: Layer.Layer<I | S>): Layer.Layer<I | S> =>
    Layer.effectContext(
      Effect.map(Layer.build(layer), (context) => Context.add(context, key, change(Context.get(context, key))))
    )
