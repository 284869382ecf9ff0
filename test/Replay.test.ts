/**
 * Recordings, replayed in the simulator.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PlatformEvents, ReconnectPolicy } from "effect-livekit"
import * as FlightRecorder from "effect-livekit/FlightRecorder"
import { DevServer } from "effect-livekit/dev-server"
import { spawnSync } from "node:child_process"
import { SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decisionsOf, replay } from "./simulator/replay.ts"
import * as Seed from "./simulator/Seed.ts"

import { flight } from "./suites/flight.ts"

const main = join(import.meta.dirname, "simulator/main.ts")

const directory = () => mkdtempSync(join(tmpdir(), "effect-livekit-flight-"))

describe("a replay", () => {
  it.live("of a flight over real sockets decides as was decided", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const { policy, states } = decisionsOf(recording)
      assert.deepStrictEqual(states, [
        "Disconnected",
        "Connecting",
        "Connected",
        "Resuming",
        "Connected",
        "Disconnected"
      ])
      assert.include(policy[0], "Resume (attempt 1, SignalEnded asks for Resume")
      assert.deepStrictEqual(replay(recording).differences, [])
    })
  )

  it.live("of flights with other troubles too", () =>
    Effect.gen(function* () {
      const troubles: Readonly<Record<string, (faults: DevServer.Faults) => Effect.Effect<void, unknown>>> = {
        "dials are refused": (faults) => Effect.andThen(faults.refuseDials(1_000), faults.dropSignal("alice")),
        "no resume": (faults) => Effect.andThen(faults.refuseNextResume("alice"), faults.dropSignal("alice")),
        "the server is killed": ({ start, stop }) =>
          stop.pipe(Effect.andThen(Effect.sleep("500 millis")), Effect.andThen(start))
      }
      for (const [name, trouble] of Object.entries(troubles)) {
        // What came in the same moment may win the other way in a replay, so another flight is tried then.
        const differences = yield* flight({}, trouble).pipe(
          Effect.map(({ recording }) => {
            assert.isAbove(decisionsOf(recording).policy.length, 2, name)
            return replay(recording).differences
          }),
          Effect.repeat({ times: 2, until: (found) => found.length === 0 })
        )
        assert.deepStrictEqual(differences, [], name)
      }
    })
  )

  it("of simulated flights decides as was decided, whatever went wrong", () => {
    const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
    const outages = seeds.flatMap((seed) => {
      const { recordings, scenario } = Seed.run(seed, { record: true }).run
      const policy = scenario.policy === "reference" ? ReconnectPolicy.reference() : ReconnectPolicy.byEvidence
      return recordings.map((recording) => {
        assert.deepStrictEqual(replay(recording, { policy }).differences, [], `seed ${seed}`)
        return decisionsOf(recording).policy.length
      })
    })
    assert.isAbove(Math.max(...outages), 5)
  }, 60_000)

  it.effect("of a flight on which the platform gave hints, and the application asked, decides as was decided", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const network = yield* SimNetwork.SimNetwork
      const listeners = new Set<(event: PlatformEvents.PlatformEvent) => void>()
      const hint = (event: PlatformEvents.PlatformEvent) =>
        Effect.sync(() => {
          for (const listener of listeners) listener(event)
        })
      const { engine, recording } = yield* FlightRecorder.make().pipe(
        Effect.provideContext(yield* Layer.build(TestRTCEngine.layerServices("alice"))),
        Effect.provideService(PlatformEvents.PlatformEvents, {
          subscribe: (listener) => {
            listeners.add(listener)
            return () => listeners.delete(listener)
          }
        })
      )
      const token = yield* server.token({ identity: "alice", room: "hall" })
      yield* VirtualTime.advancing(engine.connect({ url: server.url, token }))
      yield* VirtualTime.elapse("3 seconds")
      yield* hint("Online") // all is well, and nothing is done
      yield* VirtualTime.elapse("3 seconds")
      yield* network.cutOff("alice")
      yield* hint("Offline")
      yield* VirtualTime.elapse("20 seconds")
      yield* network.restore("alice")
      yield* hint("Online")
      yield* VirtualTime.elapse("20 seconds")
      yield* engine.reconnectNow
      yield* VirtualTime.elapse("5 seconds")
      yield* engine.probe
      yield* VirtualTime.elapse("5 seconds")
      yield* hint("Ending")
      yield* VirtualTime.elapse("1 second")
      const recorded = yield* recording
      assert.deepStrictEqual(
        recorded.entries.flatMap((entry) => (entry._tag === "Hinted" ? [entry.event] : [])),
        ["Online", "Offline", "Online", "Ending"]
      )
      const { policy, states } = decisionsOf(recorded)
      assert.strictEqual(states.at(-1), "Disconnected")
      assert.isTrue(policy.some((each) => each.includes("Requested asks for Resume")))
      assert.deepStrictEqual(replay(recorded).differences, [])
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )

  it.live("shows what an engine with another policy decides otherwise", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const { differences, recording: replayed } = replay(recording, { policy: ReconnectPolicy.reference("ForceFull") })
      assert.include(decisionsOf(replayed).policy[0], "Restart (attempt 1, SignalEnded asks for Resume")
      assert.deepStrictEqual(
        differences.map((each) => each.split(":")[0]),
        ["states", "dials", "policy", "events"]
      )
      assert.include(differences.join(), 'states: number 4 was "Resuming" and is now "Reconnecting"')
    })
  )

  it.live("is refused for a recording without its beginning", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight({ capacity: 5 })
      assert.throws(() => replay(recording), /has lost its first \d+ entries/)
    })
  )

  it.live("is what `npm run simulate -- --replay FILE` does", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const at = directory()
      const file = join(at, "flight.json")
      writeFileSync(file, JSON.stringify(recording))
      const simulate = () =>
        spawnSync(process.execPath, ["--conditions=@effect-livekit/source", main, "--replay", file], {
          encoding: "utf8"
        })
      const same = simulate()
      assert.include(same.stdout, "states  Resuming")
      assert.include(same.stdout, "the replay decides as recorded")
      assert.strictEqual(same.status, 0)
      const entries = recording.entries.map((entry) =>
        entry._tag === "Decided" ? { ...entry, pathAlive: false } : entry
      )
      writeFileSync(file, JSON.stringify({ ...recording, entries }))
      const other = simulate()
      assert.include(other.stdout, "the replay decides otherwise\npolicy: number 1 was")
      assert.strictEqual(other.status, 1)
      rmSync(at, { recursive: true })
    })
  )
})
