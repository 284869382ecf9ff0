/**
 * Records what one engine lives through: dials, messages, states of its peer connections, decisions, events. Bounded, and without
 * anything secret, so that it can run in production and be sent along with a report. `npx effect-livekit timeline FILE` shows it.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { EngineConfig } from "./EngineConfig.ts"
import type { EngineEvent } from "./EngineEvent.ts"
import type { EngineServices } from "./EngineServices.ts"
import type { FlightRecording } from "./FlightRecording.ts"
import * as FlightLog from "./internal/FlightLog.ts"
import { recordRegions, recordSignal } from "./internal/recordSignal.ts"
import { recordTransports } from "./internal/recordTransports.ts"
import { Factory } from "./PeerConnectionTransport.ts"
import { PlatformEvents } from "./PlatformEvents.ts"
import { type Policy, ReconnectPolicy } from "./ReconnectPolicy.ts"
import { RegionUrlProvider } from "./RegionUrlProvider.ts"
import * as RTCEngine from "./RTCEngine.ts"
import { SignalClient } from "./SignalClient.ts"

/**
 * The recording of the engine that the same layer provides.
 *
 * @category services
 */
export class FlightRecorder extends Context.Service<
  FlightRecorder,
  {
    /** What was recorded so far. `JSON.stringify` makes a file of it that `FlightRecording.FromJson` reads. */
    readonly recording: Effect.Effect<FlightRecording>
  }
>()("effect-livekit/FlightRecorder") {}

/**
 * How much is kept.
 *
 * @category models
 */
export interface FlightRecorderOptions {
  /** Entries kept; the oldest are dropped. Default 10,000, which takes some megabytes. */
  readonly capacity?: number | undefined
}

const detailOf = (event: EngineEvent): string | undefined => {
  switch (event._tag) {
    case "Resuming":
    case "Reconnecting":
      return event.cause._tag
    case "Resumed":
      return `${event.replayed} replayed, ${event.attempts} attempts`
    case "Reconnected":
      return `${event.attempts} attempts`
    case "FullReconnecting":
      return `attempt ${event.attempt}`
    case "InDoubt":
      return `${event.sequences.length} packets, ${event.resent ? "sent again" : "reported"}`
    case "Undelivered":
      return `${event.unsent.length} unsent, ${event.inDoubt.length} in doubt`
    case "RepublishFailed":
    case "Disconnected":
    case "FailedToConnect":
      return event.error?.reason._tag
    case "OtherMessage":
      return event.message.case
    default:
      return undefined
  }
}

const recordPolicy = (policy: Policy, note: FlightLog.Notes): Policy => ({
  ...policy,
  schedule: policy.schedule.pipe(
    Schedule.tap(({ duration, input }) =>
      Effect.sync(() => note({ _tag: "Delayed", attempt: input.attempt, millis: Duration.toMillis(duration) }))
    )
  ),
  decide: (evidence) => {
    const decision = policy.decide(evidence)
    const { asked, attempt, cause, pathAlive, resumable } = evidence
    note({ _tag: "Decided", attempt, cause: cause._tag, asked, pathAlive, resumable, decision })
    return decision
  }
})

const recordCalls = (engine: RTCEngine.Engine, note: FlightLog.Notes, signal: { isFresh: boolean }) => {
  const called = (operation: string) => Effect.sync(() => note({ _tag: "Called", operation }))
  const scopeClosed = Effect.sync(() => note({ _tag: "ScopeClosed" }))
  /** The first on each signal connection, and not every packet. */
  const publishing = <A, E, R>(operation: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      if (signal.isFresh) note({ _tag: "Called", operation })
      signal.isFresh = false
      return effect
    })
  const recorded: RTCEngine.Engine = {
    ...engine,
    connect: (options) =>
      Effect.suspend(() => {
        note({ _tag: "Called", operation: "connect", mode: options.connectionMode ?? "auto" })
        return engine.connect(options).pipe(
          Effect.onInterrupt(() => scopeClosed),
          Effect.tap(() => Effect.addFinalizer(() => scopeClosed))
        )
      }),
    disconnect: Effect.andThen(called("disconnect"), engine.disconnect),
    disconnectAfterFlush: (within) =>
      Effect.suspend(() => {
        const deadline = Duration.toMillis(Duration.fromInputUnsafe(within))
        note({ _tag: "Called", operation: "disconnectAfterFlush", deadline })
        return engine.disconnectAfterFlush(within)
      }),
    reconnectNow: Effect.andThen(called("reconnectNow"), engine.reconnectNow),
    probe: Effect.andThen(called("probe"), engine.probe),
    sendData: (packet, options) => publishing("sendData", engine.sendData(packet, options)),
    publishTrack: (...args) => publishing("publishTrack", engine.publishTrack(...args)),
    addTrack: (...args) => publishing("publishTrack", engine.addTrack(...args))
  }
  return recorded
}

/**
 * Makes an engine that is recorded, in the current scope.
 *
 * @example
 * ```ts
 * import * as FlightRecorder from "effect-livekit/FlightRecorder"
 * import { NodeRTCEngine } from "effect-livekit/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { engine, recording } = yield* FlightRecorder.make()
 *   yield* engine.disconnect
 *   return JSON.stringify(yield* recording)
 * }).pipe(Effect.scoped, Effect.provide(NodeRTCEngine.layerServices))
 * ```
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  options: FlightRecorderOptions = {}
): Effect.fn.Return<
  { readonly engine: RTCEngine.Engine; readonly recording: Effect.Effect<FlightRecording> },
  never,
  EngineServices | Scope.Scope
> {
  const config = yield* EngineConfig
  const policy = yield* ReconnectPolicy
  const platform = yield* PlatformEvents
  const transports = yield* Factory
  const { note, recording } = yield* FlightLog.make(options.capacity ?? 10_000, {
    iceRestart: transports.capabilities.iceRestart,
    setConfiguration: transports.capabilities.setConfiguration,
    offerInJoin: config.offerInJoin,
    peerConnectionTimeout: config.peerConnectionTimeout,
    pathTimeout: config.pathTimeout,
    explanationTimeout: config.explanationTimeout,
    timeLimit: policy.timeLimit
  })
  const engine = yield* RTCEngine.make.pipe(
    Effect.provideService(SignalClient, recordSignal(yield* SignalClient, note)),
    Effect.provideService(RegionUrlProvider, recordRegions(yield* RegionUrlProvider, note)),
    Effect.provideService(Factory, recordTransports(transports, note)),
    Effect.provideService(ReconnectPolicy, recordPolicy(policy, note)),
    Effect.provideService(PlatformEvents, {
      subscribe: (listener) =>
        platform.subscribe((event) => {
          note({ _tag: "Hinted", event })
          listener(event)
        })
    })
  )
  const signal = { isFresh: false }
  const events = yield* engine.subscribeEvents
  yield* Stream.fromSubscription(events).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag === "SignalConnected") signal.isFresh = true
        const detail = detailOf(event)
        note({ _tag: "Told", event: event._tag, ...(detail === undefined ? {} : { detail }) })
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* engine.stateChanges.pipe(
    Stream.runForEach((state) => Effect.sync(() => note({ _tag: "StateChanged", state }))),
    Effect.forkScoped({ startImmediately: true })
  )
  return { engine: recordCalls(engine, note, signal), recording }
})

/**
 * One recorded engine for the whole application, and its recorder.
 *
 * @category layers
 */
export const layer = (
  options: FlightRecorderOptions = {}
): Layer.Layer<RTCEngine.RTCEngine | FlightRecorder, never, EngineServices> =>
  Layer.effectContext(
    Effect.map(make(options), ({ engine, recording }) =>
      Context.make(RTCEngine.RTCEngine, engine).pipe(Context.add(FlightRecorder, { recording }))
    )
  )
