/**
 * The engine: joins a room, keeps the connection through every kind of loss, and carries data.
 */
import type { JoinResponse, ParticipantInfo, ServerInfo } from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionState } from "./ConnectionState.ts"
import { DataChannel, type Kind, labels } from "./DataChannel.ts"
import { SendFailed } from "./DataChannelError.ts"
import type { DisconnectCause } from "./DisconnectCause.ts"
import { EngineConfig } from "./EngineConfig.ts"
import { type EngineError, from } from "./EngineError.ts"
import type { Disconnected, EngineEvent } from "./EngineEvent.ts"
import * as Connection from "./internal/Connection.ts"
import { heedPlatform } from "./internal/heedPlatform.ts"
import type { EngineCore } from "./internal/EngineCore.ts"
import { noopEngine } from "./internal/noopEngine.ts"
import { NonceState } from "./internal/Nonce.ts"
import * as PacketReceiver from "./internal/PacketReceiver.ts"
import * as PacketSender from "./internal/PacketSender.ts"
import * as Publications from "./internal/Publications.ts"
import { Roster } from "./internal/Roster.ts"
import * as Probe from "./internal/probe.ts"
import type { Session } from "./internal/Session.ts"
import * as Subscriptions from "./internal/Subscriptions.ts"
import * as TrackOperations from "./internal/TrackOperations.ts"
import type { Packet, ReceivedPacket } from "./Packet.ts"
import { Factory } from "./PeerConnectionTransport.ts"
import { ReceiveState } from "./ReceiveState.ts"
import { ReconnectPolicy } from "./ReconnectPolicy.ts"
import { RegionUrlProvider } from "./RegionUrlProvider.ts"
import * as ReliableSender from "./ReliableSender.ts"
import type { RtcOptions } from "./RtcConfig.ts"
import { type ConnectionMode, SignalClient } from "./SignalClient.ts"
import type { SignalRequest } from "./SignalRequest.ts"
import type { ApplicationState } from "./SyncState.ts"
import type { TrackOperations as TrackOperationsOf } from "./Tracks.ts"

/**
 * Where to connect, and how.
 *
 * @category models
 */
export interface ConnectOptions {
  /** `ws(s)://` or `http(s)://`. */
  readonly url: string
  readonly token: Redacted.Redacted<string>
  /** One peer connection, two, or one with fallback to two. Default `auto`. */
  readonly connectionMode?: ConnectionMode | undefined
  /** Default true. */
  readonly autoSubscribe?: boolean | undefined
  /** Default false. */
  readonly adaptiveStream?: boolean | undefined
  /** ICE servers and policy of your own; the server's are used where none are given (S46-S52). */
  readonly rtc?: RtcOptions | undefined
  /** Asked at every resume for what the server is to be told about subscriptions and tracks (S153). */
  readonly applicationState?: Effect.Effect<ApplicationState> | undefined
}

/**
 * How a packet is sent.
 *
 * @category models
 */
export interface SendOptions {
  /** Default `reliable`. */
  readonly kind?: Kind | undefined
  /** Who gets it; everybody else when empty or absent (D5). */
  readonly destinationIdentities?: ReadonlyArray<string> | undefined
  /** What a reliable send does while `reliableCapacity` bytes are waiting: wait, or fail. Default `suspend`. */
  readonly whenFull?: "suspend" | "fail" | undefined
}

/**
 * Counters of one engine since it was made.
 *
 * @category models
 */
export interface EngineCounters extends PacketReceiver.ReceiveCounters, PacketSender.SendCounters {}

/**
 * One participant's connection to a room.
 *
 * @category models
 */
export interface Engine extends TrackOperationsOf {
  /**
   * Joins and waits until the connection stands: signal up, the needed peer connections connected, their channels open.
   * Closing the scope disconnects. Interruption at any point leaves nothing behind, and tells the server if it knew us.
   *
   * @throws EngineError with the reason of the service that failed (`Rejected`, `Unreachable`, `IceTimeout`...), or
   * `AlreadyConnected`
   */
  readonly connect: (options: ConnectOptions) => Effect.Effect<JoinResponse, EngineError, Scope.Scope>
  /** Tells the server, closes everything, and returns when that is done. Does nothing if there is no connection. */
  readonly disconnect: Effect.Effect<void>
  /**
   * Waits until what was accepted has arrived at the server, at most so long, and disconnects. Succeeds with whether all of it
   * has; if not, an `Undelivered` event says what was never sent.
   */
  readonly disconnectAfterFlush: (deadline: Duration.Input) => Effect.Effect<boolean>
  /** Completes when the connection has ended, with the reason; at once if there is none. */
  readonly disconnected: Effect.Effect<Disconnected>
  readonly state: Effect.Effect<ConnectionState>
  /** The current state, then every change. */
  readonly stateChanges: Stream.Stream<ConnectionState>
  /** What happens from the moment the stream is run. To miss nothing of a connection, subscribe before `connect`. */
  readonly events: Stream.Stream<EngineEvent>
  readonly subscribeEvents: Effect.Effect<PubSub.Subscription<EngineEvent>, never, Scope.Scope>
  /**
   * Packets of other participants from the moment the stream is run. Reliable ones come once and in the order of their sender;
   * lossy ones are dropped, and counted, while more than `lossyBacklog` packets wait for the slowest reader.
   */
  readonly packets: Stream.Stream<ReceivedPacket>
  readonly subscribePackets: Effect.Effect<PubSub.Subscription<ReceivedPacket>, never, Scope.Scope>
  /**
   * Sends a packet. Success of a reliable send means accepted: it is delivered once and in order over any number of resumes,
   * and an `InDoubt` event says which packets may not have survived a full reconnect. Lossy packets may be dropped.
   *
   * @throws EngineError `NotConnected`, `DataNotPermitted`, `InvalidPacket`, `PacketTooLarge` (before anything is sent), `BufferFull`
   */
  readonly sendData: (packet: Packet, options?: SendOptions) => Effect.Effect<void, EngineError>
  /**
   * Sends a request on the signal connection, or queues it while that is being restored (SC14).
   *
   * @throws EngineError `NotConnected`, `InvalidRequest`, and `NoSignal` for what cannot wait
   */
  readonly sendRequest: (request: SignalRequest) => Effect.Effect<void, EngineError>
  /** Tries at once: the network is back, the laptop woke up. Connected or not, the session is taken up again. */
  readonly reconnectNow: Effect.Effect<void>
  /**
   * Something may have happened to the connection: asks, and takes the session up again if the server does not answer within
   * `probeTimeout`, or nothing comes on the media path within `pathTimeout`. Nothing is dropped that still stands. During an
   * outage it is `reconnectNow`. The layer for browsers does this when the network comes or goes and when the page wakes up
   * (`PlatformEvents`).
   */
  readonly probe: Effect.Effect<void>
  readonly serverInfo: Effect.Effect<Option.Option<ServerInfo>>
  /** The local participant, as the server last described it. */
  readonly participant: Effect.Effect<Option.Option<ParticipantInfo>>
  /** Milliseconds of the last signal round trip. */
  readonly rtt: Effect.Effect<Option.Option<number>>
  readonly counters: Effect.Effect<EngineCounters>
}

/**
 * The engine of the application.
 *
 * @category services
 */
export class RTCEngine extends Context.Service<RTCEngine, Engine>()("effect-livekit/RTCEngine") {}

/**
 * Makes an engine in the current scope; closing the scope disconnects it. One process can hold thousands.
 *
 * @category constructors
 */
export const make: Effect.Effect<
  Engine,
  never,
  SignalClient | Factory | DataChannel | RegionUrlProvider | Scope.Scope
> = Effect.gen(function* () {
  const config = yield* EngineConfig
  const policy = yield* ReconnectPolicy
  const signal = yield* SignalClient
  const transports = yield* Factory
  const channels = yield* DataChannel
  const regions = yield* RegionUrlProvider
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope

  const events = yield* Effect.acquireRelease(PubSub.unbounded<EngineEvent>(), PubSub.shutdown)
  const packets = yield* Effect.acquireRelease(PubSub.unbounded<ReceivedPacket>(), PubSub.shutdown)
  const causes = yield* Queue.unbounded<DisconnectCause>()
  const state = yield* SubscriptionRef.make<ConnectionState>("Disconnected")
  const session = yield* Ref.make(Option.none<Session>())
  const participant = yield* Ref.make(Option.none<ParticipantInfo>())
  const received = new ReceiveState(config.receiveStateTtl)
  const report = (cause: DisconnectCause) => void Queue.offerUnsafe(causes, cause)
  const sender = ReliableSender.make({
    capacity: config.reliableCapacity,
    retention: config.reliableRetention,
    maxPacketSize: config.maxPacketSize,
    now: () => clock.currentTimeMillisUnsafe(),
    onSendFailed: (cause) => report({ _tag: "ChannelLost", reason: new SendFailed({ label: labels.reliable, cause }) })
  })
  const emit = (event: EngineEvent) => void PubSub.publishUnsafe(events, event)
  const receiver = PacketReceiver.make({
    clock,
    state: received,
    nonces: new NonceState(),
    packets,
    lossyBacklog: config.lossyBacklog,
    emit
  })
  const core: EngineCore = {
    config,
    signal,
    transports,
    channels,
    sender,
    received,
    publications: Publications.make({ capabilities: transports.capabilities, session, state, emit }),
    subscriptions: Subscriptions.make(),
    participant,
    others: new Roster(),
    token: yield* Ref.make(Redacted.make("")),
    emit,
    report,
    receive: receiver.receive
  }
  const connection = yield* Connection.make({ core, causes, policy, regions, session, state, scope })
  const packetSender = yield* PacketSender.make({ core, session, state })
  const sendRequest = (request: SignalRequest) =>
    Effect.flatMap(Ref.get(session), (current) =>
      Option.isNone(current)
        ? Effect.fail(PacketSender.notConnected(`sending ${request.case}`))
        : Effect.mapError(current.value.requests.send(request), from)
    )
  const tracks = { session, publications: core.publications, subscriptions: core.subscriptions, sendRequest }
  yield* Effect.forkScoped(TrackOperations.follow(yield* PubSub.subscribe(events), tracks))

  const { probe, reconnectNow } = Probe.make({ report, session, state })
  yield* heedPlatform({ state: SubscriptionRef.get(state), probe, disconnect: connection.disconnect })

  return {
    ...TrackOperations.make(tracks),
    connect: connection.connect,
    disconnect: connection.disconnect,
    disconnectAfterFlush: connection.disconnectAfterFlush,
    disconnected: connection.disconnected,
    state: SubscriptionRef.get(state),
    stateChanges: Stream.changes(SubscriptionRef.changes(state)),
    events: Stream.fromPubSub(events),
    subscribeEvents: PubSub.subscribe(events),
    packets: Stream.fromPubSub(packets),
    subscribePackets: PubSub.subscribe(packets),
    sendData: packetSender.sendData,
    sendRequest,
    reconnectNow,
    probe,
    serverInfo: Effect.map(Ref.get(session), (current) =>
      Option.flatMap(current, ({ join }) => Option.fromUndefinedOr(join.serverInfo))
    ),
    participant: Ref.get(participant),
    rtt: Effect.flatMap(Ref.get(session), (current) =>
      Option.isNone(current) ? Effect.succeedNone : current.value.rtt
    ),
    counters: Effect.sync(() => ({ ...receiver.counters(), ...packetSender.counters() }))
  }
})

/**
 * One engine for the whole application.
 *
 * @category layers
 */
export const layer: Layer.Layer<RTCEngine, never, SignalClient | Factory | DataChannel | RegionUrlProvider> =
  Layer.effect(RTCEngine, make)

/**
 * An engine for tests that need none: it connects never and sends nothing, but for the methods given. An engine that does all it
 * should, in memory, is `TestRTCEngine` of `effect-livekit/testing`.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { Effect } from "effect"
 *
 * const sent: Array<string> = []
 * const layer = RTCEngine.layerNoop({ sendData: (packet) => Effect.sync(() => sent.push(packet.case)) })
 * ```
 *
 * @category layers
 */
export const layerNoop = (methods: Partial<Engine> = {}): Layer.Layer<RTCEngine> =>
  Layer.succeed(RTCEngine, { ...noopEngine, ...methods })
