/**
 * Runs a scenario: real engines on a server in memory, in virtual time, on one thread. The same scenario and seed give the same
 * history each time.
 */
import { Context, Duration, Effect, Exit, Fiber, Layer, Logger, Queue, Random, Scope, Stream } from "effect"
import {
  DataChannel,
  EngineConfig,
  PeerConnectionTransport,
  ReconnectPolicy,
  RegionUrlProvider,
  RTCEngine,
  SignalClient
} from "effect-livekit"
import * as FlightRecorder from "effect-livekit/FlightRecorder"
import type { FlightRecording } from "effect-livekit/FlightRecording"
import { SimNetwork, TestServer } from "effect-livekit/testing"
import * as Application from "./application.ts"
import type { Entry, Leftovers, Run, What } from "./History.ts"
import { type Departure, everybody, type Living } from "./Living.ts"
import type { PlantedBug } from "./PlantedBug.ts"
import * as Scenario from "./Scenario.ts"
import * as SimPlatform from "./SimPlatform.ts"
import * as Trouble from "./trouble.ts"
import { VirtualRuntime } from "./VirtualRuntime.ts"

/** Milliseconds without any trouble after which an engine has to be well again, at the end of a run. */
export const settling = 90_000
/** Milliseconds for what is then said to arrive. */
const probing = 10_000

/** Steps of a fiber before others have a turn; Effect's own is the last. */
const turns = [3, 5, 7, 11, 2_048]

const serverHost = "livekit.test"
const regionsOf = ({ regions }: Scenario.Scenario) =>
  Array.from({ length: regions }, (_, index) => `region${index}.livekit.test`)

export interface Options {
  /** For what the network draws, and for how fibers come between each other. */
  readonly seed?: number
  readonly bug?: PlantedBug | undefined
  /** Whether every engine has a flight recorder. Default false. */
  readonly record?: boolean
}

export const simulate = (
  scenario: Scenario.Scenario,
  { bug, record: isRecorded = false, seed = 1 }: Options = {}
): Run => {
  const runtime = new VirtualRuntime({ opsBeforeYield: turns[seed % turns.length] ?? 2_048 })
  const entries: Array<Entry> = []
  const record = (who: string, what: What) => void entries.push({ at: runtime.currentTimeMillisUnsafe(), who, what })
  const waiting = new Map<string, string>()
  const recorders: Array<Effect.Effect<FlightRecording>> = []
  const findings = {
    ofEngines: undefined as Run["ofEngines"],
    recordings: [] as ReadonlyArray<FlightRecording>,
    blocked: [] as ReadonlyArray<string>,
    unprobed: [] as ReadonlyArray<string>,
    participantsLeft: [] as ReadonlyArray<string>
  }
  const sum = (all: ReadonlyArray<Living>): NonNullable<Run["ofEngines"]> =>
    all
      .map(({ platform }) => platform.counts())
      .reduce(
        (total, each) => ({
          sockets: total.sockets + each.sockets,
          listeners: total.listeners + each.listeners,
          peerConnections: total.peerConnections + each.peerConnections,
          channels: total.channels + each.channels
        }),
        { sockets: 0, listeners: 0, peerConnections: 0, channels: 0 }
      )
  const end = Scenario.endOf(scenario)
  const regions = regionsOf(scenario)
  const { act, application, send } = Application.make(record, waiting, `ws://${regions[0]}`)

  const live = Effect.fnUntraced(function* (index: number, participant: Scenario.Participant) {
    const server = yield* TestServer.TestServer
    const network = yield* SimNetwork.SimNetwork
    const name = Scenario.nameOf(index)
    const conditions = SimPlatform.conditions(regions)
    const { media, signal } = yield* network.paths(name)
    yield* Effect.all([signal.set(participant.network), media.set(participant.network)])
    const platform = yield* SimPlatform.make({
      server: server.platform(name, { iceRestart: participant.iceRestart }),
      serverHost,
      conditions,
      record: (what) => record(name, what)
    })
    const settings = {
      ...EngineConfig.defaults,
      reliableCapacity: participant.capacity,
      inDoubt: scenario.inDoubt,
      ...bug?.settings
    }
    const policy = scenario.policy === "reference" ? ReconnectPolicy.reference() : ReconnectPolicy.byEvidence
    const references = Context.make(EngineConfig.EngineConfig, settings).pipe(
      Context.add(ReconnectPolicy.ReconnectPolicy, bug?.policy?.(policy) ?? policy)
    )
    const services = Layer.mergeAll(
      SignalClient.layer,
      PeerConnectionTransport.layer,
      DataChannel.layer,
      RegionUrlProvider.layerAnyHost
    ).pipe(Layer.provide(bug?.platform?.(platform.layer) ?? platform.layer))
    const made = yield* Effect.gen(function* () {
      const context = yield* Layer.build(bug?.services?.(services) ?? services)
      if (!isRecorded) return yield* Effect.provideContext(RTCEngine.make, context)
      const { engine, recording } = yield* Effect.provideContext(FlightRecorder.make({ capacity: Infinity }), context)
      recorders.push(recording)
      return engine
    }).pipe(Effect.provideContext(references))
    const living: Living = {
      name,
      engine: made,
      platform,
      conditions,
      departures: yield* Queue.unbounded<Departure>()
    }
    yield* observe(living)
    return living
  })

  const observe = Effect.fnUntraced(function* ({ engine, name }: Living) {
    const each = <A>(stream: Stream.Stream<A>, what: (value: A) => What | undefined) =>
      stream.pipe(
        Stream.runForEach((value) =>
          Effect.sync(() => {
            const entry = what(value)
            if (entry !== undefined) record(name, entry)
          })
        ),
        Effect.forkScoped({ startImmediately: true })
      )
    yield* each(engine.events, (event) => ({ _tag: "Event", event }))
    yield* each(engine.stateChanges, (state) => ({ _tag: "State", state }))
    yield* each(engine.packets, ({ kind, packet }) => {
      const text = SimPlatform.textOf(packet)
      return text === undefined ? undefined : { _tag: "Received", text, kind, from: packet.participantIdentity }
    })
  })

  /** Every engine that is connected says something that all others have to hear. */
  const probe = Effect.fnUntraced(function* (living: ReadonlyArray<Living>) {
    const present: Array<Living> = []
    for (const each of living) if ((yield* each.engine.state) === "Connected") present.push(each)
    const sending = yield* Effect.forEach(present, (each) =>
      Effect.forkScoped(send(each, "probe", { count: 1, every: 0, kind: "reliable", size: 24, whenFull: "suspend" }), {
        startImmediately: true
      })
    )
    yield* Effect.sleep(probing)
    yield* Effect.forEach(sending, Fiber.interrupt, { discard: true })
    const heard = new Set(
      entries.flatMap(({ what, who }) => (what._tag === "Received" ? [`${what.text} by ${who}`] : []))
    )
    return present.flatMap((from) =>
      present
        .filter((to) => to !== from)
        .map((to) => `${from.name}/probe/0 by ${to.name}`)
        .filter((expected) => !heard.has(expected))
    )
  })

  const program = Effect.gen(function* () {
    const server = yield* TestServer.TestServer
    const engines = yield* Scope.make()
    const apps = yield* Scope.make()
    const living = yield* Effect.forEach(scenario.participants, (participant, index) => live(index, participant)).pipe(
      Scope.provide(engines)
    )
    yield* Effect.forEach(scenario.participants, (participant, index) => {
      const one = living[index]
      return one === undefined ? Effect.void : Effect.forkIn(application(one, participant), apps)
    })
    yield* Effect.forEach(scenario.actions, (action, index) => {
      const one = living[Scenario.whoOf(scenario, action)]
      return one === undefined ? Effect.void : Effect.forkIn(act(one, action, index), apps)
    })
    const befall = yield* Trouble.make(scenario, record, regions)
    yield* Effect.forEach(scenario.faults, (fault) => Effect.forkIn(befall(living, fault), apps))
    yield* Effect.sleep(end)
    record(everybody, { _tag: "Healed" })
    for (const { conditions } of living) {
      conditions.refusesBytes = false
      conditions.isMoving = false
    }
    yield* Effect.sleep(settling)
    findings.unprobed = yield* Effect.scoped(probe(living))
    findings.blocked = [...waiting.values()]
    yield* Scope.close(apps, Exit.void)
    yield* Scope.close(engines, Exit.void)
    findings.ofEngines = sum(living)
    findings.recordings = yield* Effect.all(recorders)
    yield* Effect.sleep(probing)
    findings.participantsLeft = yield* server.participants(Application.room)
    return living
  })
  const world = TestServer.layer({
    hasV1: scenario.hasV1,
    onForwarded: ({ from, kind, packet, to }) => {
      const text = SimPlatform.textOf(packet)
      if (text === undefined) return
      record(from.identity, {
        _tag: "Forwarded",
        text,
        kind,
        sid: from.sid,
        sequence: packet.sequence,
        to: to.map(({ sid }) => sid)
      })
    }
  })
  const { defects, exit, hung, left, millis } = runtime.run(
    program.pipe(Effect.scoped, Effect.provide(Layer.merge(world, Logger.layer([]))), Random.withSeed(seed)),
    { limit: Duration.sum(Duration.hours(1), Duration.millis(end)) }
  )
  const none: Leftovers = { ...left, sockets: 0, listeners: 0, peerConnections: 0, channels: 0 }
  return {
    scenario,
    entries,
    ofEngines: findings.ofEngines,
    left: exit !== undefined && Exit.isSuccess(exit) ? { ...none, ...sum(exit.value) } : none,
    participantsLeft: findings.participantsLeft,
    recordings: findings.recordings,
    blocked: findings.blocked,
    unprobed: findings.unprobed,
    defects: exit !== undefined && Exit.isFailure(exit) ? [...defects, exit.cause] : defects,
    hung,
    millis
  }
}
