/**
 * What the types say: layers ask for what they need and nothing else, failures are known, and values are inferred. Checked by the
 * compiler (`npm run check:types`); at run time there is nothing to see.
 */
import { describe, expectTypeOf, it } from "@effect/vitest"
import type { Effect, Layer, Option, PubSub, Redacted, Scope, Stream } from "effect"
import type {
  ConnectionState,
  DataChannelError,
  EngineError,
  EngineEvent,
  EngineServices,
  HttpGet,
  PeerConnectionError,
  PeerConnectionFactory,
  RTCEngine,
  SignalClient,
  SignalError,
  WebSocketConstructor
} from "effect-livekit"
import { Packet, Telemetry } from "effect-livekit"
import type { BrowserRTCEngine } from "effect-livekit/browser"
import type { DevServer } from "effect-livekit/dev-server"
import type * as FlightRecorder from "effect-livekit/FlightRecorder"
import type { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import type { SimNetwork, TestRTCEngine, TestServer } from "effect-livekit/testing"
import type { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"

type Provided<L> = L extends Layer.Layer<infer A, infer _E, infer _R> ? A : never
type Needed<L> = L extends Layer.Layer<infer _A, infer _E, infer R> ? R : never

describe("layers", () => {
  it("of a platform need nothing", () => {
    expectTypeOf<typeof NodeRTCEngine.layer>().toEqualTypeOf<Layer.Layer<RTCEngine.RTCEngine>>()
    expectTypeOf<typeof WrtcRTCEngine.layer>().toEqualTypeOf<Layer.Layer<RTCEngine.RTCEngine>>()
    expectTypeOf<Provided<typeof BrowserRTCEngine.layer>>().toEqualTypeOf<RTCEngine.RTCEngine>()
    expectTypeOf<Needed<typeof BrowserRTCEngine.layer>>().toEqualTypeOf<never>()
    expectTypeOf<Provided<typeof NodeRTCEngine.layerServices>>().toEqualTypeOf<EngineServices.EngineServices>()
    expectTypeOf<typeof NodeDataChannel.layer>().toEqualTypeOf<
      Layer.Layer<PeerConnectionFactory.PeerConnectionFactory>
    >()
    expectTypeOf<typeof WrtcPeerConnection.layer>().toExtend<Layer.Layer<PeerConnectionFactory.PeerConnectionFactory>>()
  })

  it("say which seams they need", () => {
    type Seams =
      | PeerConnectionFactory.PeerConnectionFactory
      | WebSocketConstructor.WebSocketConstructor
      | HttpGet.HttpGet
    expectTypeOf<Needed<typeof EngineServices.layer>>().toEqualTypeOf<Seams>()
    expectTypeOf<Needed<typeof NodeRTCEngine.layerServicesWithoutDependencies>>().toEqualTypeOf<Seams>()
    expectTypeOf<Needed<typeof SignalClient.layer>>().toEqualTypeOf<
      WebSocketConstructor.WebSocketConstructor | HttpGet.HttpGet
    >()
    expectTypeOf<ReturnType<typeof Telemetry.layer>>().toEqualTypeOf<Layer.Layer<never, never, RTCEngine.RTCEngine>>()
    expectTypeOf<ReturnType<typeof FlightRecorder.layer>>().toEqualTypeOf<
      Layer.Layer<RTCEngine.RTCEngine | FlightRecorder.FlightRecorder, never, EngineServices.EngineServices>
    >()
    expectTypeOf<
      Needed<ReturnType<typeof DevServer.layer>>
    >().toEqualTypeOf<PeerConnectionFactory.PeerConnectionFactory>()
  })

  it("of tests give the server beside the engine", () => {
    expectTypeOf<Provided<ReturnType<typeof TestRTCEngine.layer>>>().toEqualTypeOf<
      RTCEngine.RTCEngine | TestServer.TestServer | SimNetwork.SimNetwork
    >()
    expectTypeOf<Needed<ReturnType<typeof TestRTCEngine.layer>>>().toEqualTypeOf<never>()
  })
})

describe("an engine", () => {
  it("is made of its services in a scope, and cannot fail to be made", () => {
    expectTypeOf<typeof RTCEngine.make>().toEqualTypeOf<
      Effect.Effect<RTCEngine.Engine, never, EngineServices.EngineServices | Scope.Scope>
    >()
  })

  it("connects in a scope, and fails with one error", () => {
    type Connect = ReturnType<RTCEngine.Engine["connect"]>
    expectTypeOf<Effect.Error<Connect>>().toEqualTypeOf<EngineError.EngineError>()
    expectTypeOf<Effect.Services<Connect>>().toEqualTypeOf<Scope.Scope>()
    expectTypeOf<RTCEngine.ConnectOptions["token"]>().toEqualTypeOf<Redacted.Redacted<string>>()
    // A token in plain text would end up in a log one day.
    expectTypeOf<string>().not.toExtend<RTCEngine.ConnectOptions["token"]>()
  })

  it("gives streams that do not fail", () => {
    expectTypeOf<RTCEngine.Engine["events"]>().toEqualTypeOf<Stream.Stream<EngineEvent.EngineEvent>>()
    expectTypeOf<RTCEngine.Engine["packets"]>().toEqualTypeOf<Stream.Stream<Packet.ReceivedPacket>>()
    expectTypeOf<RTCEngine.Engine["stateChanges"]>().toEqualTypeOf<Stream.Stream<ConnectionState.ConnectionState>>()
    expectTypeOf<Effect.Success<RTCEngine.Engine["subscribeEvents"]>>().toEqualTypeOf<
      PubSub.Subscription<EngineEvent.EngineEvent>
    >()
    expectTypeOf<Effect.Success<RTCEngine.Engine["rtt"]>>().toEqualTypeOf<Option.Option<number>>()
  })
})

describe("errors", () => {
  it("of services are all reasons of the engine's", () => {
    expectTypeOf<SignalError.SignalErrorReason>().toExtend<EngineError.EngineErrorReason>()
    expectTypeOf<PeerConnectionError.PeerConnectionErrorReason>().toExtend<EngineError.EngineErrorReason>()
    expectTypeOf<DataChannelError.DataChannelErrorReason>().toExtend<EngineError.EngineErrorReason>()
  })

  it("carry what happened, by their tag", () => {
    type Rejected = Extract<EngineError.EngineErrorReason, { readonly _tag: "Rejected" }>
    expectTypeOf<Rejected["status"]>().toEqualTypeOf<number>()
    expectTypeOf<Rejected["body"]>().toEqualTypeOf<string>()
    expectTypeOf<EngineError.EngineErrorReason["message"]>().toEqualTypeOf<string>()
    expectTypeOf<SignalError.SignalErrorReason["recovery"]>().toEqualTypeOf<"Resume" | "Restart" | "GiveUp">()
  })
})

describe("values", () => {
  it("are inferred", () => {
    expectTypeOf(Packet.user("hello")).toEqualTypeOf<Packet.Packet>()
    type Resumed = Extract<EngineEvent.EngineEvent, { readonly _tag: "Resumed" }>
    expectTypeOf<Resumed["replayed"]>().toEqualTypeOf<number>()
    expectTypeOf<Parameters<typeof Telemetry.logOf>[0]>().toEqualTypeOf<EngineEvent.EngineEvent>()
  })
})
