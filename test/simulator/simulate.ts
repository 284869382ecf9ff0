/**
 * Runs a scenario: real engines on a server in memory, in virtual time, on one thread. The same scenario and seed give the same
 * history each time.
 */
import { DisconnectReason, LeaveRequest, LeaveRequest_Action, UpdateParticipantMetadata } from "@livekit/protocol"
import {
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Queue,
  Random,
  Ref,
  Result,
  Scope,
  Stream
} from "effect"
import {
  DataChannel,
  EngineConfig,
  Packet,
  PeerConnectionTransport,
  ReconnectPolicy,
  RegionUrlProvider,
  RTCEngine,
  SignalClient
} from "effect-livekit"
import * as FlightRecorder from "effect-livekit/FlightRecorder"
import type { FlightRecording } from "effect-livekit/FlightRecording"
import { SimNetwork, TestServer } from "effect-livekit/testing"
import type { Entry, Leftovers, Run, What } from "./History.ts"
import type { PlantedBug } from "./PlantedBug.ts"
import * as Scenario from "./Scenario.ts"
import * as SimPlatform from "./SimPlatform.ts"
import { VirtualRuntime } from "./VirtualRuntime.ts"

/** Milliseconds without any trouble after which an engine has to be well again, at the end of a run. */
export const settling = 90_000
/** Milliseconds for what is then said to arrive. */
const probing = 10_000

const everybody = "-"
const room = "room"
const serverHost = "livekit.test"
const regionsOf = ({ regions }: Scenario.Scenario) =>
  Array.from({ length: regions }, (_, index) => `region${index}.livekit.test`)

export interface Options {
  /** For what the network draws. */
  readonly seed?: number
  readonly bug?: PlantedBug | undefined
  /** Whether every engine has a flight recorder. Default false. */
  readonly record?: boolean
}

type Departure = Extract<Scenario.Action, { readonly _tag: "Depart" }>

interface Living {
  readonly name: string
  readonly engine: RTCEngine.Engine
  readonly platform: SimPlatform.SimPlatform
  readonly conditions: SimPlatform.Conditions
  /** How the application wants its connection to end. */
  readonly departures: Queue.Queue<Departure>
}

export const simulate = (
  scenario: Scenario.Scenario,
  { bug, record: isRecorded = false, seed = 1 }: Options = {}
): Run => {
  const runtime = new VirtualRuntime()
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

  const live = Effect.fnUntraced(function* (index: number, participant: Scenario.Participant) {
    const server = yield* TestServer.TestServer
    const network = yield* SimNetwork.SimNetwork
    const name = Scenario.nameOf(index)
    const conditions = SimPlatform.conditions(regionsOf(scenario))
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

  /** An application that wants to be in the room: it connects again whenever its connection has ended. */
  const application = Effect.fnUntraced(function* (living: Living, participant: Scenario.Participant) {
    const { departures, engine, name } = living
    const server = yield* TestServer.TestServer
    yield* Effect.sleep(participant.joinAt)
    const attempts = yield* Ref.make(0)
    const interruptAfter = yield* Ref.make(0)
    const rest = yield* Ref.make(2_000)
    const connection = Effect.gen(function* () {
      const token = yield* server.token({ identity: name, room, ttl: participant.tokenTtl })
      record(name, { _tag: "Connect", attempt: yield* Ref.updateAndGet(attempts, (before) => before + 1) })
      const limit = yield* Ref.getAndSet(interruptAfter, 0)
      const connecting = engine
        .connect({ url: `ws://${regionsOf(scenario)[0]}`, token, connectionMode: participant.mode })
        .pipe(Effect.result)
      const connected = yield* limit === 0 ? Effect.asSome(connecting) : Effect.timeoutOption(connecting, limit)
      if (Option.isNone(connected)) return record(name, { _tag: "ConnectInterrupted" })
      if (Result.isFailure(connected.value)) {
        return record(name, { _tag: "ConnectFailed", error: connected.value.failure })
      }
      const departure = yield* Effect.raceFirst(Effect.as(engine.disconnected, undefined), Queue.take(departures))
      if (departure === undefined) return
      yield* Ref.set(interruptAfter, departure.interruptAfter)
      yield* Ref.set(rest, departure.rest)
      record(name, { _tag: "Depart", how: departure.how })
      if (departure.how === "disconnect") yield* engine.disconnect
    }).pipe(
      Effect.scoped,
      Effect.andThen(
        Effect.flatMap(engine.disconnected, ({ reason }) =>
          Effect.sync(() => record(name, { _tag: "Departed", reason }))
        )
      ),
      Effect.andThen(Effect.flatMap(Ref.getAndSet(rest, 2_000), Effect.sleep))
    )
    return yield* Effect.forever(connection)
  })

  const send = Effect.fnUntraced(function* (
    { engine, name }: Living,
    lane: string,
    options: Pick<Extract<Scenario.Action, { _tag: "Send" }>, "count" | "every" | "kind" | "size" | "whenFull">
  ) {
    const { kind, whenFull } = options
    for (let number = 0; number < options.count; number++) {
      const text = `${name}/${lane}/${number}`
      record(name, { _tag: "Sending", text, kind })
      waiting.set(`${name}/${lane}`, text)
      const sent = yield* engine
        .sendData(Packet.user(text.padEnd(options.size, ".")), { kind, whenFull })
        .pipe(Effect.result)
      record(
        name,
        Result.isSuccess(sent) ? { _tag: "Accepted", text, kind } : { _tag: "SendFailed", text, error: sent.failure }
      )
      waiting.delete(`${name}/${lane}`)
      if (options.every > 0) yield* Effect.sleep(options.every)
    }
  })

  const act = Effect.fnUntraced(function* (living: Living, action: Scenario.Action, index: number) {
    const { engine, name } = living
    yield* Effect.sleep(action.at)
    switch (action._tag) {
      case "Send": {
        const sending = send(living, `${index}`, action)
        return yield* action.interruptAfter === 0
          ? sending
          : Effect.timeoutOption(sending, action.interruptAfter).pipe(
              Effect.ensuring(Effect.sync(() => waiting.delete(`${name}/${index}`)))
            )
      }
      case "Request": {
        for (let number = 0; number < action.count; number++) {
          const metadata = `request ${index}/${number}`
          const result = yield* engine
            .sendRequest({ case: "updateMetadata", value: new UpdateParticipantMetadata({ metadata }) })
            .pipe(Effect.result)
          const failed = Result.isFailure(result) ? result.failure.message : undefined
          record(name, { _tag: "Request", text: metadata, failed })
          yield* Effect.sleep(action.every)
        }
        return
      }
      case "ReconnectNow":
        record(name, { _tag: "ReconnectNow" })
        return yield* engine.reconnectNow
      case "Depart":
        return void Queue.offerUnsafe(living.departures, action)
    }
  })

  const trouble = Effect.gen(function* () {
    const { faults } = yield* TestServer.TestServer
    const network = yield* SimNetwork.SimNetwork
    const counts = new Map<string, number>()
    const down = new Set<string>()
    /** The first of those that overlap begins, the last one ends. */
    const whileFirst = (key: string, begin: Effect.Effect<void>, finish: Effect.Effect<void>) => ({
      begin: Effect.suspend(() => {
        const before = counts.get(key) ?? 0
        counts.set(key, before + 1)
        return before === 0 ? begin : Effect.void
      }),
      finish: Effect.suspend(() => {
        const after = (counts.get(key) ?? 1) - 1
        counts.set(key, after)
        return after === 0 ? finish : Effect.void
      })
    })
    const paths = Effect.fnUntraced(function* (name: string, path: Scenario.Path, way: Scenario.Way) {
      const both = yield* network.paths(name)
      const chosen = path === "both" ? (["signal", "media"] as const) : ([path] as const)
      const ways = way === "both" ? (["up", "down"] as const) : ([way] as const)
      const isUp = (one: "signal" | "media") => !down.has(`${name} ${one} up`) && !down.has(`${name} ${one} down`)
      const all = chosen.flatMap((one) =>
        ways.map((direction) => {
          const set = (isDown: boolean) =>
            Effect.gen(function* () {
              const before = isUp(one)
              yield* both[one][direction].set({ isDown })
              if (isDown) down.add(`${name} ${one} ${direction}`)
              else down.delete(`${name} ${one} ${direction}`)
              if (isUp(one) !== before) record(name, { _tag: "Path", path: one, isUp: !before })
            })
          return whileFirst(`${name} ${one} ${direction}`, set(true), set(false))
        })
      )
      return {
        begin: Effect.forEach(all, ({ begin }) => begin, { discard: true }),
        finish: Effect.forEach(all, ({ finish }) => finish, { discard: true })
      }
    })
    // A server that is down takes no dials, and one that starts takes them unless they are refused.
    const server = { isUp: true, refuses: false }
    const setServer = (isUp: boolean) =>
      Effect.gen(function* () {
        server.isUp = isUp
        record(everybody, { _tag: "Server", isUp })
        yield* isUp ? faults.start : faults.stop
        if (isUp && server.refuses) yield* faults.refuseDials
      })
    const setRefusing = (refuses: boolean) =>
      Effect.suspend(() => {
        server.refuses = refuses
        return refuses ? faults.refuseDials : server.isUp ? faults.acceptDials : Effect.void
      })

    return Effect.fnUntraced(function* (living: ReadonlyArray<Living>, fault: Scenario.Fault) {
      const target = living[Scenario.whoOf(scenario, fault)]
      if (target === undefined) return
      const { conditions, name, platform } = target
      const set = <K extends keyof SimPlatform.Conditions>(key: K, value: SimPlatform.Conditions[K]) =>
        Effect.sync(() => {
          conditions[key] = value
        })
      const befalls = (who: string, phase: "begins" | "ends" | "happens") =>
        record(who, { _tag: "Fault", fault, phase })
      const lasting = (who: string, lasts: number, begin: Effect.Effect<void>, finish: Effect.Effect<void>) =>
        Effect.gen(function* () {
          befalls(who, "begins")
          yield* begin
          yield* Effect.sleep(lasts)
          yield* finish
          befalls(who, "ends")
        })
      const once = (effect: Effect.Effect<void>) =>
        Effect.suspend(() => {
          befalls(name, "happens")
          return effect
        })
      yield* Effect.sleep(fault.at)
      switch (fault._tag) {
        case "DropSignal":
          return yield* once(faults.dropSignal(name))
        case "CloseSignal":
          return yield* once(faults.closeSignal(name, fault.code))
        case "StallSignal":
          return yield* once(faults.stallSignal(name))
        case "Leave":
          return yield* once(faults.leave(name, leaves[fault.action]))
        case "RefuseResume":
          return yield* once(faults.refuseNextResume(name))
        case "CloseChannel":
          return yield* once(Effect.sync(() => platform.closeChannel(fault.kind)))
        case "RefuseBytes":
          return yield* once(set("refusesBytes", true))
        case "ChangeAddress":
          return yield* once(network.changeAddress(name))
        case "Garbage":
          return yield* once(
            Effect.all(
              [
                faults.sendRaw(name, garbage),
                faults.sendRaw(name, "text"),
                faults.sendRawData(name, "reliable", garbage),
                faults.sendRawData(name, "lossy", garbage)
              ],
              { discard: true }
            )
          )
        case "Partition": {
          const { begin, finish } = yield* paths(name, fault.path, fault.way)
          return yield* lasting(name, fault.lasts, begin, finish)
        }
        case "Congestion": {
          const { media, signal } = yield* network.paths(name)
          const { latency, loss } = fault
          const usual = scenario.participants[Scenario.whoOf(scenario, fault)]?.network ?? {}
          const change = whileFirst(
            `${name} congestion`,
            Effect.andThen(signal.set({ latency, loss }), media.set({ latency, loss })),
            Effect.andThen(signal.set(usual), media.set(usual))
          )
          return yield* lasting(name, fault.lasts, change.begin, change.finish)
        }
        case "DialTrouble": {
          const change = whileFirst(`${name} dials`, set("trouble", fault.trouble), set("trouble", undefined))
          return yield* lasting(name, fault.lasts, change.begin, change.finish)
        }
        case "RepeatMessages": {
          const change = whileFirst(`${name} repeats`, set("repeats", true), set("repeats", false))
          return yield* lasting(name, fault.lasts, change.begin, change.finish)
        }
        case "DelayMessages": {
          const change = whileFirst(`${name} delay`, set("delay", fault.millis), set("delay", 0))
          return yield* lasting(name, fault.lasts, change.begin, change.finish)
        }
        case "LoseCandidates": {
          const change = whileFirst(`${name} candidates`, set("losesCandidates", true), set("losesCandidates", false))
          return yield* lasting(name, fault.lasts, change.begin, change.finish)
        }
        case "Move":
          return yield* lasting(
            name,
            fault.lasts,
            set("isMoving", true),
            Effect.suspend(() => (conditions.isMoving ? faults.leave(name, leaves.resume) : Effect.void))
          )
        case "RefuseDials": {
          const change = whileFirst("dials", setRefusing(true), setRefusing(false))
          return yield* lasting(everybody, fault.lasts, change.begin, change.finish)
        }
        case "RestartServer": {
          const change = whileFirst("server", setServer(false), setServer(true))
          return yield* lasting(everybody, fault.lasts, change.begin, change.finish)
        }
        case "RegionDown": {
          const host = regionsOf(scenario)[fault.region % scenario.regions] ?? ""
          const toggle = (isUp: boolean) =>
            Effect.sync(() => {
              for (const each of living) each.conditions.regions.set(host, isUp)
            })
          const change = whileFirst(host, toggle(false), toggle(true))
          return yield* lasting(everybody, fault.lasts, change.begin, change.finish)
        }
      }
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
    const befall = yield* trouble
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
    findings.participantsLeft = yield* server.participants(room)
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

const garbage = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x0f, 0x07])

const leaves = {
  disconnect: new LeaveRequest({
    reason: DisconnectReason.PARTICIPANT_REMOVED,
    action: LeaveRequest_Action.DISCONNECT
  }),
  resume: new LeaveRequest({ reason: DisconnectReason.STATE_MISMATCH, action: LeaveRequest_Action.RESUME }),
  reconnect: new LeaveRequest({ reason: DisconnectReason.SERVER_SHUTDOWN, action: LeaveRequest_Action.RECONNECT }),
  /** As servers of before actions say it (V32). */
  canReconnect: new LeaveRequest({ reason: DisconnectReason.SERVER_SHUTDOWN, canReconnect: true })
} as const
