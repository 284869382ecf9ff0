import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { type EngineEvent, Packet, ReconnectPolicy } from "effect-livekit"
import * as FlightRecorder from "effect-livekit/FlightRecorder"
import * as FlightRecording from "effect-livekit/FlightRecording"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { render } from "../src/cli/timelinePage.ts"
import { decisionsOf, replay } from "./simulator/replay.ts"
import * as Seed from "./simulator/Seed.ts"
import { start } from "./suites/cli.ts"

const main = join(import.meta.dirname, "simulator/main.ts")

/** A session that is joined, has some trouble (its signal is lost, unless told otherwise), is back, and is left. */
const flight = (
  options: FlightRecorder.FlightRecorderOptions = {},
  trouble: (faults: DevServer.Faults) => Effect.Effect<void, unknown> = ({ dropSignal }) => dropSignal("alice")
) =>
  Effect.gen(function* () {
    const server = yield* DevServer.make()
    const token = yield* server.token({ identity: "alice", room: "hall" })
    const { engine, recording } = yield* FlightRecorder.make(options)
    const events = yield* engine.subscribeEvents
    const told = (tag: EngineEvent.EngineEvent["_tag"]) =>
      Stream.fromSubscription(events).pipe(
        Stream.filter(({ _tag }) => _tag === tag),
        Stream.runHead
      )
    yield* engine.connect({ url: server.url, token })
    // The server takes the connection for standing only a little later, and resumes none before.
    yield* told("ConnectionQualityUpdated")
    yield* engine.sendData(Packet.user("a payload that is nobody's business"))
    yield* trouble(server.faults)
    yield* told("PostReconnect")
    yield* engine.disconnect
    return { recording: yield* recording, token: Redacted.value(token) }
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)))

describe("FlightRecorder", () => {
  it.live("records what came, what was decided and what was told, in order", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const all = recording.entries.map((entry) =>
        entry._tag === "Told" ? entry.event : entry._tag === "StateChanged" ? entry.state : entry._tag
      )
      const expected = [
        "Called",
        "Dialled",
        "Answered",
        "Joined",
        "Connected",
        "SignalEnded",
        "Decided",
        "Resuming",
        "Dialled",
        "Answered",
        "Resumed",
        "Called",
        "Disconnected"
      ]
      let from = 0
      for (const each of expected) {
        const found = all.indexOf(each, from)
        assert.isAtLeast(found, from, `${each} after ${all.slice(0, from).at(-1)} in ${all.join(" ")}`)
        from = found + 1
      }
      assert.isTrue(
        recording.entries.some((entry) => entry._tag === "PeerConnectionChanged" && entry.state === "connected")
      )
      assert.isTrue(recording.entries.some((entry) => entry._tag === "SignalSent" && entry.request === "syncState"))
      const times = recording.entries.map(({ at }) => at)
      assert.deepStrictEqual(
        times,
        times.toSorted((a, b) => a - b)
      )
    })
  )

  it.live("holds no token, no SDP, no address and no payload, and is read back from JSON as it was", () =>
    Effect.gen(function* () {
      const { recording, token } = yield* flight()
      const text = JSON.stringify(recording)
      for (const secret of [
        token,
        token.split(".")[2] ?? "",
        "a=ice-ufrag",
        "nobody's business",
        "192.168",
        "typ host"
      ]) {
        assert.notInclude(text, secret)
      }
      assert.deepStrictEqual(yield* Schema.decodeEffect(FlightRecording.FromJson)(text), recording)
    })
  )

  it.live("keeps the newest entries when it is full, and says how many it dropped", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight({ capacity: 5 })
      assert.strictEqual(recording.entries.length, 5)
      assert.isAbove(recording.dropped, 20)
      assert.isTrue(recording.entries.some((entry) => entry._tag === "StateChanged" && entry.state === "Disconnected"))
    })
  )
})

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
        const { recording } = yield* flight({}, trouble)
        assert.isAbove(decisionsOf(recording).policy.length, 2, name)
        assert.deepStrictEqual(replay(recording).differences, [], name)
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

describe("effect-livekit timeline", () => {
  it.live("renders a recording as a page", () =>
    Effect.gen(function* () {
      const { recording } = yield* flight()
      const at = directory()
      const file = join(at, "flight.json")
      writeFileSync(file, JSON.stringify(recording))
      const child = start("timeline", file)
      assert.strictEqual(yield* Effect.promise(() => child.exit), 0)
      assert.include(child.output(), `${recording.entries.length} entries`)
      const page = readFileSync(join(at, "flight.html"), "utf8")
      assert.strictEqual(page.match(/<tr /g)?.length, recording.entries.length)
      for (const each of ["Resumed (", "Resume (attempt 1; SignalEnded asks for Resume", 'class="state Resuming"']) {
        assert.include(page, each)
      }
      rmSync(at, { recursive: true })
    })
  )

  it.live("says in one line what is no recording", () =>
    Effect.gen(function* () {
      const at = directory()
      const file = join(at, "flight.json")
      writeFileSync(file, '{"version":1}')
      for (const name of [file, join(at, "none.json")]) {
        const child = start("timeline", name)
        assert.strictEqual(yield* Effect.promise(() => child.exit), 1)
        assert.match(child.errors(), /^effect-livekit: [^\n]+\n$/)
      }
      rmSync(at, { recursive: true })
    })
  )

  it("lets no text of a recording become markup", () => {
    const page = render({
      version: 2,
      conditions: {
        iceRestart: false,
        setConfiguration: false,
        offerInJoin: "auto",
        peerConnectionTimeout: 20_000,
        pathTimeout: 10_000,
        explanationTimeout: 250,
        timeLimit: 60_000
      },
      startedAt: 0,
      dropped: 3,
      entries: [{ _tag: "Told", at: 1, event: "<script>alert(1)</script>", detail: "\"'&" }]
    })
    assert.notInclude(page, "<script>")
    assert.include(page, "&lt;script&gt;alert(1)&lt;/script&gt; (&quot;&#39;&amp;)")
    assert.include(page, "3 earlier ones were dropped")
  })
})
