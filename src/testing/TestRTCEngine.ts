/**
 * The real engine on a server in memory: nothing inside the engine is mocked, and time is that of the test's Clock.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as DataChannel from "../DataChannel.ts"
import type { Capabilities } from "../PeerConnectionFactory.ts"
import * as PeerConnectionTransport from "../PeerConnectionTransport.ts"
import * as RegionUrlProvider from "../RegionUrlProvider.ts"
import * as RTCEngine from "../RTCEngine.ts"
import * as SignalClient from "../SignalClient.ts"
import type { SimNetwork } from "./SimNetwork.ts"
import * as TestServer from "./TestServer.ts"

/**
 * Everything that `RTCEngine.make` needs, for a participant on its own paths of the network.
 *
 * @category layers
 */
export const layerServices = (
  participant: string,
  capabilities?: Partial<Capabilities>
): Layer.Layer<
  | SignalClient.SignalClient
  | PeerConnectionTransport.Factory
  | DataChannel.DataChannel
  | RegionUrlProvider.RegionUrlProvider,
  never,
  TestServer.TestServer
> =>
  Layer.mergeAll(SignalClient.layer, PeerConnectionTransport.layer, DataChannel.layer, RegionUrlProvider.layer).pipe(
    Layer.provide(
      Layer.unwrap(Effect.map(TestServer.TestServer, ({ platform }) => platform(participant, capabilities)))
    )
  )

/**
 * Makes the engine of a participant in the current scope; not yet connected.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  participant: string,
  capabilities?: Partial<Capabilities>
): Effect.fn.Return<RTCEngine.Engine, never, TestServer.TestServer | Scope.Scope> {
  const services = yield* Layer.build(layerServices(participant, capabilities))
  return yield* Effect.provideContext(RTCEngine.make, services)
})

/**
 * One engine, of the participant `alice`, with its server and its network.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { TestRTCEngine, TestServer } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const engine = yield* RTCEngine.RTCEngine
 *   const server = yield* TestServer.TestServer
 *   const token = yield* server.token({ identity: "alice", room: "room" })
 *   yield* engine.connect({ url: server.url, token })
 *   yield* server.faults.dropSignal("alice")
 * }).pipe(Effect.scoped, Effect.provide(TestRTCEngine.layer()))
 * ```
 *
 * @category layers
 */
export const layer = (
  options: TestServer.TestServerOptions = {}
): Layer.Layer<RTCEngine.RTCEngine | TestServer.TestServer | SimNetwork> =>
  RTCEngine.layer.pipe(Layer.provide(layerServices("alice")), Layer.provideMerge(TestServer.layer(options)))
