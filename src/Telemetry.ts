/**
 * Metrics and logs of an engine, from what it tells anyway: its events, its state, and its counters, which are sampled. Sending
 * and receiving are not slowed: no packet is measured by itself.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EngineEvent } from "./EngineEvent.ts"
import * as EngineMetrics from "./EngineMetrics.ts"
import { type Engine, RTCEngine } from "./RTCEngine.ts"
import * as Stats from "./Stats.ts"
import type { StatsReport } from "./Stats.ts"

/**
 * How often is measured, and what everything is marked with.
 *
 * @category models
 */
export interface TelemetryOptions {
  /** How often counters, round trip and buffer are read. Default 5 s. */
  readonly sampleInterval?: Duration.Input | undefined
  /** Attributes of every metric and every log line, as `{ "livekit.room": "hall" }`. Default none. */
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

interface Outage {
  readonly cause: string
  readonly since: number
}

/**
 * What is worth a log line, and at which level: `Info` when a connection stands, `Warn` when it is troubled, `Error` when it ends
 * without being asked to, `Debug` for what the engine copes with. Nothing secret is in it.
 *
 * @category logging
 */
export const logOf = (
  event: EngineEvent
):
  | {
      readonly level: LogLevel.Severity
      readonly message: string
      readonly attributes: Readonly<Record<string, unknown>>
    }
  | undefined => {
  switch (event._tag) {
    case "Connected":
      return { level: "Info", message: "connected", attributes: { "livekit.signal.path": event.evidence.path } }
    case "Resuming":
    case "Reconnecting":
      return {
        level: "Warn",
        message:
          event._tag === "Resuming" ? "the connection was lost, resuming" : "the session was lost, joining afresh",
        attributes: { "livekit.reconnect.cause": event.cause._tag }
      }
    case "Resumed":
      return {
        level: "Info",
        message: "resumed",
        attributes: { "livekit.reconnect.attempts": event.attempts, "livekit.data.replayed": event.replayed }
      }
    case "Reconnected":
      return { level: "Info", message: "reconnected", attributes: { "livekit.reconnect.attempts": event.attempts } }
    case "InDoubt":
      return {
        level: "Warn",
        message: "reliable packets may not have arrived",
        attributes: { "livekit.data.in_doubt": event.sequences.length, "livekit.data.resent": event.resent }
      }
    case "Undelivered":
      return {
        level: "Warn",
        message: "reliable packets were accepted and not delivered",
        attributes: { "livekit.data.unsent": event.unsent.length, "livekit.data.in_doubt": event.inDoubt.length }
      }
    case "RepublishFailed":
      return { level: "Warn", message: event.error.message, attributes: { "error.type": event.error.reason._tag } }
    case "FailedToConnect":
      return { level: "Error", message: event.error.message, attributes: { "error.type": event.error.reason._tag } }
    case "Disconnected":
      return event.error === undefined
        ? { level: "Info", message: "disconnected", attributes: { "livekit.disconnect.reason": event.reason } }
        : {
            level: "Error",
            message: event.error.message,
            attributes: { "error.type": event.error.reason._tag, "livekit.disconnect.reason": event.reason }
          }
    case "MalformedSignal":
    case "MalformedPacket":
      return {
        level: "Warn",
        message: event._tag === "MalformedSignal" ? "a message could not be read" : "a packet could not be read",
        attributes: { "livekit.size": event.size }
      }
    case "TokenRefreshed":
      return { level: "Debug", message: "the server gave a new token", attributes: {} }
    default:
      return undefined
  }
}

/**
 * The types of the candidates that are in use, of a report of a peer connection; none where the runtime does not say.
 *
 * @category selecting
 */
export const selectedPair = (report: StatsReport): Readonly<Record<string, string>> | undefined => {
  const pair = Stats.ofType(report, "candidate-pair").find(({ nominated, state }) => nominated && state === "succeeded")
  const typeOf = (id: string | undefined, key: string) => {
    const value = Stats.ofType(report, "other").find((entry) => entry.id === id)?.values[key]
    return typeof value === "string" ? value : "unknown"
  }
  return pair === undefined
    ? undefined
    : {
        "livekit.ice.local": typeOf(pair.localCandidateId, "candidateType"),
        "livekit.ice.remote": typeOf(pair.remoteCandidateId, "candidateType"),
        "network.transport": typeOf(pair.localCandidateId, "protocol")
      }
}

/**
 * Observes an engine until the scope closes. Call it before `connect`, to miss nothing.
 *
 * @example
 * ```ts
 * import { RTCEngine, Telemetry } from "effect-livekit"
 * import { Effect } from "effect"
 *
 * const observed = Effect.tap(RTCEngine.make, (engine) => Telemetry.observe(engine, { sampleInterval: "10 seconds" }))
 * ```
 *
 * @category observing
 */
export const observe = Effect.fnUntraced(function* (
  engine: Engine,
  options: TelemetryOptions = {}
): Effect.fn.Return<void, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const attributes = options.attributes ?? {}
  const outage = yield* Ref.make(Option.none<Outage>())
  const shown = yield* Ref.make(Option.none<string>())
  const last = yield* Ref.make(yield* engine.counters)
  const buffered = yield* Ref.make(0)

  const add = <Input, State>(
    metric: Metric.Metric<Input, State>,
    input: Input,
    more: Readonly<Record<string, string>> = {}
  ) => Metric.update(Metric.withAttributes(metric, { ...attributes, ...more }), input)
  const count = (metric: Metric.Counter<number>, by: number, more?: Readonly<Record<string, string>>) =>
    by > 0 ? add(metric, by, more) : Effect.void
  const shift = (state: Option.Option<string>, by: number) =>
    Option.isNone(state)
      ? Effect.void
      : Metric.modify(
          Metric.withAttributes(EngineMetrics.connections, { ...attributes, "livekit.connection.state": state.value }),
          by
        )

  const show = (state: Option.Option<string>) =>
    Effect.flatMap(Ref.getAndSet(shown, state), (before) => Effect.andThen(shift(before, -1), shift(state, 1)))

  const showBuffered = (bytes: number) =>
    Effect.flatMap(Ref.getAndSet(buffered, bytes), (before) =>
      Metric.modify(Metric.withAttributes(EngineMetrics.bytesBuffered, { ...attributes }), bytes - before)
    )

  const sample = Effect.gen(function* () {
    const now = yield* engine.counters
    const before = yield* Ref.getAndSet(last, now)
    const since = (name: keyof typeof now) => now[name] - before[name]
    yield* count(EngineMetrics.bytesSent, since("bytesSent"))
    yield* count(EngineMetrics.packetsSent, since("sent"), { "livekit.data.kind": "reliable" })
    yield* count(EngineMetrics.packetsSent, since("lossySent"), { "livekit.data.kind": "lossy" })
    yield* count(EngineMetrics.packetsReceived, since("received"))
    yield* count(EngineMetrics.packetsDropped, since("lossyDropped"), { "livekit.data.drop.reason": "send_full" })
    yield* count(EngineMetrics.packetsDropped, since("dropped"), { "livekit.data.drop.reason": "receive_full" })
    yield* count(EngineMetrics.packetsDropped, since("duplicates"), { "livekit.data.drop.reason": "duplicate" })
    yield* count(EngineMetrics.packetsDropped, since("malformed"), { "livekit.data.drop.reason": "malformed" })
    yield* showBuffered(now.pendingBytes)
    const rtt = yield* engine.rtt
    if (Option.isSome(rtt)) yield* add(EngineMetrics.signalRoundTrip, rtt.value)
    const pair = selectedPair(yield* engine.publisherStats)
    if (pair !== undefined) yield* count(EngineMetrics.candidatePairs, 1, pair)
  })

  const recovered = (outcome: "resumed" | "restarted", attempts: number) =>
    Effect.gen(function* () {
      const over = yield* Ref.getAndSet(outage, Option.none())
      if (Option.isNone(over)) return
      const { cause, since } = over.value
      const attempt = (outcome: string) => ({ "livekit.reconnect.cause": cause, "livekit.reconnect.outcome": outcome })
      yield* count(EngineMetrics.reconnectAttempts, 1, attempt(outcome))
      yield* count(EngineMetrics.reconnectAttempts, attempts - 1, attempt("failed"))
      yield* add(EngineMetrics.recoveryDuration, clock.currentTimeMillisUnsafe() - since, {
        "livekit.reconnect.outcome": outcome
      })
    })

  const measure = (event: EngineEvent): Effect.Effect<void> => {
    switch (event._tag) {
      case "Resuming":
      case "Reconnecting":
        return Ref.update(outage, (before) =>
          Option.orElseSome(before, () => ({ cause: event.cause._tag, since: clock.currentTimeMillisUnsafe() }))
        )
      case "Resumed":
        return Effect.andThen(
          recovered("resumed", event.attempts),
          count(EngineMetrics.packetsReplayed, event.replayed)
        )
      case "Reconnected":
        return recovered("restarted", event.attempts)
      case "InDoubt":
        return count(EngineMetrics.packetsInDoubt, event.sequences.length)
      case "Undelivered":
        return count(EngineMetrics.packetsUndelivered, event.unsent.length + event.inDoubt.length)
      case "Disconnected": {
        const reason = event.error?.reason
        const attempts = reason?._tag === "ReconnectExhausted" ? reason.attempts : 0
        return Effect.flatMap(Ref.getAndSet(outage, Option.none()), (over) =>
          Option.isNone(over)
            ? Effect.void
            : count(EngineMetrics.reconnectAttempts, attempts, {
                "livekit.reconnect.cause": over.value.cause,
                "livekit.reconnect.outcome": "failed"
              })
        )
      }
      default:
        return Effect.void
    }
  }

  const log = (event: EngineEvent): Effect.Effect<void> => {
    const line = logOf(event)
    return line === undefined
      ? Effect.void
      : Effect.logWithLevel(line.level)(line.message).pipe(Effect.annotateLogs({ ...attributes, ...line.attributes }))
  }

  // What was counted last, and then one engine less.
  yield* Effect.addFinalizer(() => Effect.all([sample, showBuffered(0), show(Option.none())], { discard: true }))
  const events = yield* engine.subscribeEvents
  yield* Stream.fromSubscription(events).pipe(
    Stream.runForEach((event) => Effect.andThen(measure(event), log(event))),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* engine.stateChanges.pipe(
    Stream.runForEach((state) => Effect.andThen(show(Option.some(state)), sample)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.sleep(options.sampleInterval ?? "5 seconds").pipe(
    Effect.andThen(sample),
    Effect.forever,
    Effect.forkScoped
  )
})

/**
 * Observes the engine of the application.
 *
 * @category layers
 */
export const layer = (options: TelemetryOptions = {}): Layer.Layer<never, never, RTCEngine> =>
  Layer.effectDiscard(Effect.flatMap(RTCEngine, (engine) => observe(engine, options)))
