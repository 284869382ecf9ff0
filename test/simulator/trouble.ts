/**
 * What goes wrong in a run.
 */
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Effect } from "effect"
import { SimNetwork, TestServer } from "effect-livekit/testing"
import { everybody, type Living, type Record } from "./Living.ts"
import * as Scenario from "./Scenario.ts"
import type * as SimPlatform from "./SimPlatform.ts"

/** Lets a fault of the scenario befall, at its time. */
export const make = Effect.fnUntraced(function* (
  scenario: Scenario.Scenario,
  record: Record,
  regions: ReadonlyArray<string>
) {
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
    const befalls = (who: string, phase: "begins" | "ends" | "happens") => record(who, { _tag: "Fault", fault, phase })
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
        const host = regions[fault.region % scenario.regions] ?? ""
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
