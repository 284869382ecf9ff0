/**
 * What the types say: layers ask for what they need and nothing else, failures are known, and values are inferred. Checked by the
 * compiler (`npm run check:types`); at run time there is nothing to see.
 */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, type Layer, type Option, type PubSub, type Redacted, Schema, type Scope, type Stream } from "effect"
import type {
  ConnectionState,
  DataChannelError,
  EngineConfig,
  EngineError,
  EngineEvent,
  HttpGet,
  PeerConnectionError,
  PeerConnectionFactory,
  SignalClient,
  SignalError,
  TrackPublication,
  WebSocketConstructor
} from "effect-livekit"
import { EngineServices, Packet, ReconnectPolicy, RTCEngine, Stats, Telemetry } from "effect-livekit"
import type { BrowserRTCEngine, UserMedia } from "effect-livekit/browser"
import type { DevServer } from "effect-livekit/dev-server"
import type * as FlightRecorder from "effect-livekit/FlightRecorder"
import * as FlightRecording from "effect-livekit/FlightRecording"
import type { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { Expect, type SimNetwork, type TestRTCEngine, type TestServer } from "effect-livekit/testing"
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

describe("programs", () => {
  const program = Effect.flatMap(RTCEngine.RTCEngine, (engine) => engine.sendData(Packet.user("hello")))

  it("say that they need an engine, and need it no more once it is provided", () => {
    expectTypeOf<Effect.Services<typeof program>>().toEqualTypeOf<RTCEngine.RTCEngine>()
    const provided = Effect.provide(program, RTCEngine.layerNoop())
    expectTypeOf<Effect.Services<typeof provided>>().toEqualTypeOf<never>()
    expectTypeOf<typeof program>().not.toExtend<Parameters<typeof Effect.runPromise>[0]>()
    expectTypeOf<typeof EngineServices.layer>().not.toExtend<Layer.Layer<EngineServices.EngineServices>>()
  })

  it("that open something need a scope", () => {
    type Publish = ReturnType<RTCEngine.Engine["publishTrack"]>
    expectTypeOf<Effect.Services<Publish>>().toEqualTypeOf<Scope.Scope>()
    expectTypeOf<Effect.Error<Publish>>().toEqualTypeOf<EngineError.EngineError>()
    expectTypeOf<Effect.Success<Publish>>().toEqualTypeOf<TrackPublication.TrackPublication>()
    expectTypeOf<Effect.Services<ReturnType<typeof FlightRecorder.make>>>().toEqualTypeOf<
      EngineServices.EngineServices | Scope.Scope
    >()
    expectTypeOf<Effect.Services<ReturnType<typeof UserMedia.camera>>>().toEqualTypeOf<Scope.Scope>()
  })

  it("catch an error by its reason, which is known there and gone afterwards", () => {
    const caught = program.pipe(
      Effect.catchReason("EngineError", "BufferFull", (reason) => {
        expectTypeOf(reason).toEqualTypeOf<DataChannelError.BufferFull>()
        return Effect.succeed("full" as const)
      })
    )
    expectTypeOf<Effect.Success<typeof caught>>().toEqualTypeOf<void | "full">()
    // @ts-expect-error -- there is no such reason
    const _unknown = Effect.catchReason(program, "EngineError", "BufferEmpty", () => Effect.void)
  })

  it("end without a failure where nothing can fail", () => {
    expectTypeOf<RTCEngine.Engine["disconnect"]>().toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf<ReturnType<RTCEngine.Engine["disconnectAfterFlush"]>>().toEqualTypeOf<Effect.Effect<boolean>>()
    expectTypeOf<RTCEngine.Engine["disconnected"]>().toEqualTypeOf<Effect.Effect<EngineEvent.Disconnected>>()
    expectTypeOf<Effect.Error<ReturnType<typeof DevServer.make>>>().toEqualTypeOf<DevServer.DevServerError>()
  })
})

describe("options", () => {
  it("take what there is, and nothing else", () => {
    expectTypeOf<RTCEngine.SendOptions["kind"]>().toEqualTypeOf<"reliable" | "lossy" | undefined>()
    expectTypeOf<RTCEngine.ConnectOptions["connectionMode"]>().toEqualTypeOf<"auto" | "single" | "dual" | undefined>()
    // @ts-expect-error -- a policy is whole: spread one that there is
    ReconnectPolicy.layer({ timeLimit: 1_000 })
    // @ts-expect-error -- so are settings
    const _settings: EngineConfig.EngineSettings = { dialTimeout: 1_000 }
    // @ts-expect-error -- a video has a size
    const _video: TrackPublication.PublishOptions = { video: { simulcast: true } }
  })
})

describe("values", () => {
  it("are what was asked for, by its tag", () => {
    const resumed = Expect.event("alice", "Resumed")
    expectTypeOf<Effect.Success<typeof resumed>["replayed"]>().toEqualTypeOf<number>()
    // @ts-expect-error -- there is no such event
    const _restarted = Expect.event("alice", "Restarted")
    expectTypeOf(Stats.ofType([], "outbound-rtp")).toEqualTypeOf<ReadonlyArray<Stats.OutboundRtp>>()
    const checked = Expect.eventually("a number", Effect.succeed(7))
    expectTypeOf<Effect.Success<typeof checked>>().toEqualTypeOf<number>()
  })

  it("of a recording are read and known", () => {
    const read = Schema.decodeEffect(FlightRecording.FromJson)("")
    expectTypeOf<Effect.Success<typeof read>>().toEqualTypeOf<FlightRecording.FlightRecording>()
    type Decided = Extract<FlightRecording.Entry, { readonly _tag: "Decided" }>
    expectTypeOf<Decided["decision"]>().toEqualTypeOf<"Resume" | "Restart" | "GiveUp">()
  })

  it("are inferred", () => {
    expectTypeOf(Packet.user("hello")).toEqualTypeOf<Packet.Packet>()
    type Resumed = Extract<EngineEvent.EngineEvent, { readonly _tag: "Resumed" }>
    expectTypeOf<Resumed["replayed"]>().toEqualTypeOf<number>()
    expectTypeOf<Parameters<typeof Telemetry.logOf>[0]>().toEqualTypeOf<EngineEvent.EngineEvent>()
  })
})
