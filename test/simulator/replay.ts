/**
 * Replays a flight recording: the real engine, in virtual time, meets again what the recorded one met (what the application called,
 * how each dial ended, what the server said, what became of peer connections and channels), and has to decide the same.
 *
 * What came in the same moment to a program that was slow to act may be acted on in the other order here.
 *
 * Contents are not in a recording, so packets and tracks are not replayed; and what negotiates below a peer connection is not
 * either, only how it ended.
 */
import { Clock, Duration, Effect, Exit, Fiber, Layer, Logger, Redacted, Schedule, Scope } from "effect"
import {
  DataChannel,
  EngineConfig,
  Packet,
  PeerConnectionTransport,
  PlatformEvents,
  ReconnectPolicy,
  RegionUrlProvider,
  type RTCEngine,
  SignalClient
} from "effect-livekit"
import * as FlightRecorder from "effect-livekit/FlightRecorder"
import type { Entry, FlightRecording } from "effect-livekit/FlightRecording"
import * as ReplayedSignal from "./ReplayedSignal.ts"
import * as ReplayedTransports from "./ReplayedTransports.ts"
import { VirtualRuntime } from "./VirtualRuntime.ts"

/** What an engine decided and said, each kind in its order. */
export interface Decisions {
  readonly states: ReadonlyArray<string>
  readonly dials: ReadonlyArray<string>
  readonly policy: ReadonlyArray<string>
  readonly events: ReadonlyArray<string>
}

export interface Replayed {
  readonly recording: FlightRecording
  /** One line for each kind of decision that is not the same; none if all are. */
  readonly differences: ReadonlyArray<string>
}

const isOfConnection = (event: string) =>
  /^(Connected|FailedToConnect|Resuming|Resumed|Reconnecting|FullReconnecting|Reconnected|Disconnected)$/.test(event)

/** Up to a time: a recording is taken at some moment, and its replay is a little ahead of it. */
export const decisionsOf = ({ entries }: FlightRecording, until = Infinity): Decisions => {
  const known = entries.filter(({ at }) => at <= until)
  const each = <Tag extends Entry["_tag"]>(tag: Tag, say: (entry: Extract<Entry, { _tag: Tag }>) => string) =>
    known.filter((entry): entry is Extract<Entry, { _tag: Tag }> => entry._tag === tag).map(say)
  return {
    states: each("StateChanged", ({ state }) => state),
    dials: each("Dialled", ({ origin, request }) => `${request} at ${origin}`),
    policy: each(
      "Decided",
      ({ asked, attempt, cause, decision, pathAlive, resumable }) =>
        `${decision} (attempt ${attempt}, ${cause} asks for ${asked}, path ${pathAlive ? "alive" : "dead"}, ${resumable ? "" : "not "}resumable)`
    ),
    // How much was replayed depends on what was sent.
    events: each("Told", ({ detail = "", event }) => `${event} ${event === "Resumed" ? "" : detail}`.trim()).filter(
      (told) => isOfConnection(told.split(" ")[0] ?? "")
    )
  }
}

const kinds = ["states", "dials", "policy", "events"] as const

/** Milliseconds before the end of a recording in which its replay may be ahead of it. */
const ahead = 250

const differencesOf = (recorded: FlightRecording, replayed: FlightRecording): ReadonlyArray<string> => {
  const end = recorded.entries.at(-1)?.at ?? 0
  const before = decisionsOf(recorded)
  const now = decisionsOf(replayed)
  const settled = decisionsOf(replayed, end - ahead)
  return kinds.flatMap((kind) => {
    const first = before[kind].findIndex((each, index) => each !== now[kind][index])
    const differs = first >= 0 ? first : settled[kind].length > before[kind].length ? before[kind].length : undefined
    if (differs === undefined) return []
    const [recordedHere = "nothing", replayedHere = "nothing"] = [before[kind][differs], now[kind][differs]]
    return [`${kind}: number ${differs + 1} was "${recordedHere}" and is now "${replayedHere}"`]
  })
}

/** Milliseconds that a program may take to act on something. */
const slow = 5

/** Whether it is what the engine did, and not what it met. */
const isOfEngine = ({ _tag }: Entry) => done.has(_tag)

const done: ReadonlySet<Entry["_tag"]> = new Set([
  "Dialled",
  "SignalSent",
  "PeerConnectionMade",
  "Decided",
  "Delayed",
  "Told",
  "StateChanged"
])

export interface Options {
  /** What decides; the recording does not say. Default: the default policy. */
  readonly policy?: ReconnectPolicy.Policy
}

export const replay = (recorded: FlightRecording, { policy = ReconnectPolicy.byEvidence }: Options = {}): Replayed => {
  if (recorded.dropped > 0) {
    throw new Error(
      `the recording has lost its first ${recorded.dropped} entries and cannot be replayed; record with more capacity`
    )
  }
  const { conditions, entries } = recorded
  const listeners = new Set<(event: PlatformEvents.PlatformEvent) => void>()
  const delays = entries.filter((entry) => entry._tag === "Delayed")
  const references = Layer.mergeAll(
    Layer.succeed(EngineConfig.EngineConfig, { ...EngineConfig.defaults, ...conditions }),
    Layer.succeed(ReconnectPolicy.ReconnectPolicy, {
      ...policy,
      timeLimit: conditions.timeLimit,
      // Delays are drawn by chance, so they are taken as they were drawn; where there is none, the schedule had ended.
      schedule: Schedule.forever.pipe(
        Schedule.while<ReconnectPolicy.Evidence, number>(({ input }) => delays[0]?.attempt === input.attempt),
        Schedule.modifyDelay(() => Effect.sync(() => Duration.millis(delays.shift()?.millis ?? 0)))
      )
    }),
    Layer.succeed(PlatformEvents.PlatformEvents, {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
    })
  )
  const program = Effect.gen(function* () {
    const signal = ReplayedSignal.make(entries)
    const transports = ReplayedTransports.make(recorded)
    const services = Layer.mergeAll(
      Layer.succeed(SignalClient.SignalClient, signal.client),
      Layer.succeed(RegionUrlProvider.RegionUrlProvider, signal.regions),
      Layer.succeed(PeerConnectionTransport.Factory, transports.factory),
      DataChannel.layer
    )
    const { engine, recording } = yield* Effect.provideContext(
      FlightRecorder.make({ capacity: Infinity }),
      yield* Layer.build(services)
    )
    const call = yield* application(recorded, engine)
    const clock = yield* Clock.Clock
    for (const [index, entry] of entries.entries()) {
      if (isOfEngine(entry)) continue
      // The engine acts between two things, unless they came so close that it had not.
      const before = entries[index - 1]
      const isClose = before !== undefined && entry.at - before.at <= slow && !isOfEngine(before)
      const due = entry.at + index / 1e6 - clock.currentTimeMillisUnsafe()
      if (!isClose && due > 0) yield* Effect.sleep(due)
      if (entry._tag === "Hinted") for (const listener of listeners) listener(entry.event)
      yield* signal.happen(entry)
      yield* transports.happen(entry)
      yield* call(entry)
    }
    const end = (entries.at(-1)?.at ?? 0) + 1
    yield* Effect.sleep(Math.max(1, end - clock.currentTimeMillisUnsafe()))
    return yield* recording
  })
  const { defects, exit, hung } = new VirtualRuntime().run(
    program.pipe(Effect.scoped, Effect.provide(Layer.merge(references, Logger.layer([])))),
    { limit: Duration.millis((entries.at(-1)?.at ?? 0) + 60_000) }
  )
  if (exit === undefined || Exit.isFailure(exit)) {
    throw new Error("the replay did not end", { cause: exit?.cause ?? defects[0] ?? hung })
  }
  return { recording: exit.value, differences: differencesOf(recorded, exit.value) }
}

/** What the application did. */
const application = Effect.fnUntraced(function* ({ entries }: FlightRecording, engine: RTCEngine.Engine) {
  const relayOnly = entries.some((entry) => entry._tag === "PeerConnectionMade" && entry.relayOnly)
  const dialled = entries.find(({ _tag }) => _tag === "Dialled")
  const url = dialled?._tag === "Dialled" ? dialled.origin : "ws://replayed"
  const closing = { effect: Effect.void as Effect.Effect<void> }
  const background = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkScoped(Effect.ignore(effect))
  return Effect.fnUntraced(function* (entry: Entry) {
    if (entry._tag === "ScopeClosed") return yield* background(closing.effect)
    if (entry._tag === "ChannelChanged" && entry.state === "refused") {
      const kind = entry.label === DataChannel.labels.lossy ? "lossy" : "reliable"
      return yield* background(engine.sendData(Packet.user(""), { kind }))
    }
    if (entry._tag !== "Called") return
    switch (entry.operation) {
      case "connect": {
        const scope = yield* Scope.make()
        const connecting = yield* engine
          .connect({
            url,
            token: Redacted.make("replayed"),
            connectionMode: entry.mode,
            rtc: relayOnly ? { iceTransportPolicy: "relay" } : {}
          })
          .pipe(Scope.provide(scope), background)
        closing.effect = Effect.andThen(Fiber.interrupt(connecting), Scope.close(scope, Exit.void))
        return
      }
      case "disconnect":
        return yield* background(engine.disconnect)
      case "disconnectAfterFlush":
        return yield* background(engine.disconnectAfterFlush(entry.deadline ?? 0))
      case "reconnectNow":
        return yield* background(engine.reconnectNow)
      case "probe":
        return yield* background(engine.probe)
      case "sendData":
      case "publishTrack":
        return yield* background(engine.sendData(Packet.user("")))
    }
  })
})

const seconds = (millis: number) => `${(millis / 1000).toFixed(3).padStart(9)} s`

/** The decisions of a replay with their times, and what is not as recorded. */
export const describe = ({ differences, recording }: Replayed): string => {
  const lines = recording.entries.flatMap((entry) => {
    const said = kinds.flatMap((kind) =>
      decisionsOf({ ...recording, entries: [entry] })[kind].map((each) => `${kind.padEnd(6)}  ${each}`)
    )
    return said.map((each) => `${seconds(entry.at)}  ${each}`)
  })
  const verdict =
    differences.length === 0 ? ["the replay decides as recorded"] : ["the replay decides otherwise", ...differences]
  return [...lines, "", ...verdict].join("\n")
}
