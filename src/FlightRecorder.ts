/**
 * Records what one engine lives through: dials, messages, states of its peer connections, decisions, events. Bounded, and without
 * anything secret, so that it can run in production and be sent along with a report. `npx effect-livekit timeline FILE` shows it.
 */
import { LeaveRequest_Action } from "@livekit/protocol"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EngineEvent } from "./EngineEvent.ts"
import type { EngineServices } from "./EngineServices.ts"
import type { Entry, FlightRecording } from "./FlightRecording.ts"
import type { IceCandidate } from "./PeerConnectionFactory.ts"
import { Factory, type PeerConnectionTransport } from "./PeerConnectionTransport.ts"
import { ReconnectPolicy } from "./ReconnectPolicy.ts"
import * as RTCEngine from "./RTCEngine.ts"
import { SignalClient } from "./SignalClient.ts"
import type { Incoming, SignalConnection } from "./SignalConnection.ts"
import type { SignalError } from "./SignalError.ts"
import { parse } from "./SignalUrl.ts"
import * as Result from "effect/Result"

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

/** An entry before it is known when it was made. */
type Note = Entry extends infer Each ? (Each extends Entry ? Omit<Each, "at"> : never) : never
type Notes = (note: Note) => void

const makeLog = Effect.fnUntraced(function* (capacity: number) {
  const clock = yield* Clock.Clock
  const startedAt = clock.currentTimeMillisUnsafe()
  const entries: Array<Entry> = []
  const lost = { count: 0 }
  const note: Notes = (each) => {
    const entry: Entry = { ...each, at: clock.currentTimeMillisUnsafe() - startedAt }
    entries.push(entry)
    // In steps, so that a full recording does not move all of itself with every entry.
    if (entries.length >= capacity + 256) lost.count += entries.splice(0, entries.length - capacity).length
  }
  const recording = Effect.sync((): FlightRecording => {
    const kept = entries.slice(-capacity)
    return { version: 1, startedAt, dropped: lost.count + entries.length - kept.length, entries: kept }
  })
  return { note, recording }
})

const originOf = (url: string): string => {
  const parsed = parse(url)
  return Result.isSuccess(parsed) ? `${parsed.success.protocol}//${parsed.success.host}` : "an invalid URL"
}

const recordSignal = (signal: SignalClient["Service"], note: Notes): SignalClient["Service"] => {
  const refused = (request: "join" | "resume") => (error: SignalError) =>
    Effect.sync(() => {
      const status = "status" in error.reason ? { status: error.reason.status } : {}
      note({ _tag: "Refused", request, reason: error.reason._tag, ...status })
    })
  const dial = (
    request: "join" | "resume",
    url: string,
    effect: Effect.Effect<SignalConnection, SignalError, Scope.Scope>
  ) =>
    Effect.sync(() => note({ _tag: "Dialled", request, origin: originOf(url) })).pipe(
      Effect.andThen(effect),
      Effect.tapError(refused(request)),
      Effect.flatMap((connection) => recordConnection(connection, request, note))
    )
  return {
    ...signal,
    join: (options) => dial("join", options.url, signal.join(options)),
    resume: (options) => dial("resume", options.url, signal.resume(options))
  }
}

const recordConnection = Effect.fnUntraced(function* (
  connection: SignalConnection,
  request: "join" | "resume",
  note: Notes
) {
  const { handshake, path } = connection
  const seen = handshake._tag === "Resumed" ? { lastMessageSeq: handshake.response?.lastMessageSeq ?? 0 } : {}
  note({ _tag: "Answered", request, path, ...seen })
  const incoming = yield* Queue.unbounded<Incoming, Cause.Done>()
  yield* Queue.take(connection.incoming).pipe(
    Effect.flatMap((next) => {
      note({ _tag: "SignalReceived", ...summaryOf(next) })
      return Queue.offer(incoming, next)
    }),
    Effect.forever,
    Effect.catch(() => Queue.end(incoming)),
    Effect.forkScoped
  )
  yield* connection.end.pipe(
    Effect.andThen((end) =>
      Effect.sync(() => note({ _tag: "SignalEnded", code: end._tag === "Closed" ? end.code : 3000 }))
    ),
    Effect.forkScoped
  )
  const recorded: SignalConnection = {
    ...connection,
    incoming,
    sendUnsafe: (message) => {
      const isSent = connection.sendUnsafe(message)
      note({ _tag: "SignalSent", request: message.case, isSent })
      return isSent
    }
  }
  return recorded
})

const summaryOf = (incoming: Incoming): { readonly message: string; readonly action?: string } => {
  if (incoming._tag === "Malformed") return { message: "malformed" }
  const { message } = incoming
  if (message.case !== "leave") return { message: message.case }
  return { message: "leave", action: LeaveRequest_Action[message.value.action] ?? "unknown" }
}

/** `candidate:foundation component transport priority address port typ type ...` (RFC 8839 section 5.1). */
const describeCandidate = ({ candidate }: IceCandidate) => {
  const parts = candidate.split(" ")
  return { transport: parts[2]?.toLowerCase() ?? "", type: parts[parts.indexOf("typ") + 1] ?? "" }
}

const recordTransports = (transports: Factory["Service"], note: Notes): Factory["Service"] => ({
  ...transports,
  make: Effect.fnUntraced(function* (options) {
    const { target } = options
    const transport = yield* transports.make({
      ...options,
      onIceCandidate: (candidate) => {
        note({ _tag: "Candidate", target, origin: "local", ...describeCandidate(candidate) })
        options.onIceCandidate(candidate)
      }
    })
    yield* transport.stateChanges.pipe(
      Stream.changes,
      Stream.runForEach((state) => Effect.sync(() => note({ _tag: "PeerConnectionChanged", target, state }))),
      Effect.forkScoped({ startImmediately: true })
    )
    const recorded: PeerConnectionTransport = {
      ...transport,
      addIceCandidate: (candidate) => {
        note({ _tag: "Candidate", target, origin: "remote", ...describeCandidate(candidate) })
        return transport.addIceCandidate(candidate)
      }
    }
    return recorded
  })
})

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
  const { note, recording } = yield* makeLog(options.capacity ?? 10_000)
  const policy = yield* ReconnectPolicy
  const engine = yield* RTCEngine.make.pipe(
    Effect.provideService(SignalClient, recordSignal(yield* SignalClient, note)),
    Effect.provideService(Factory, recordTransports(yield* Factory, note)),
    Effect.provideService(ReconnectPolicy, {
      ...policy,
      decide: (evidence) => {
        const decision = policy.decide(evidence)
        const { asked, attempt, cause, pathAlive, resumable } = evidence
        note({ _tag: "Decided", attempt, cause: cause._tag, asked, pathAlive, resumable, decision })
        return decision
      }
    })
  )
  const events = yield* engine.subscribeEvents
  yield* Stream.fromSubscription(events).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
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
  const called = (operation: string) => Effect.sync(() => note({ _tag: "Called", operation }))
  const recorded: RTCEngine.Engine = {
    ...engine,
    connect: (connect) => Effect.andThen(called("connect"), engine.connect(connect)),
    disconnect: Effect.andThen(called("disconnect"), engine.disconnect),
    reconnectNow: Effect.andThen(called("reconnectNow"), engine.reconnectNow)
  }
  return { engine: recorded, recording }
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
