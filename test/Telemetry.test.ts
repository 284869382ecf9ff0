import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Metric, Redacted, References, Scope } from "effect"
import { EngineMetrics, Packet, type RTCEngine, Stats, Telemetry } from "effect-livekit"
import { SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

const connect = Effect.fnUntraced(function* (engine: RTCEngine.Engine, identity: string) {
  const server = yield* TestServer.TestServer
  const token = yield* server.token({ identity, room: "hall" })
  yield* VirtualTime.advancing(engine.connect({ url: server.url, token }))
  return token
})

const attributes = { test: "telemetry" }
const counted = (metric: Metric.Counter<number>, more: Readonly<Record<string, string>> = {}) =>
  Effect.map(Metric.value(Metric.withAttributes(metric, { ...attributes, ...more })), ({ count }) => count)
const enginesIn = (state: string) =>
  Effect.map(
    Metric.value(
      Metric.withAttributes(EngineMetrics.connections, { ...attributes, "livekit.connection.state": state })
    ),
    ({ value }) => value
  )

/** A test with a registry of its own. */
const measured = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(TestServer.layer()),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

describe("Telemetry", () => {
  it.effect("counts engines by state, and forgets those that are gone", () =>
    measured(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const engines = yield* Effect.all([TestRTCEngine.make("alice"), TestRTCEngine.make("bob")])
        for (const engine of engines) yield* Telemetry.observe(engine, { attributes }).pipe(Scope.provide(scope))
        yield* VirtualTime.elapse("1 second")
        assert.deepStrictEqual([yield* enginesIn("Disconnected"), yield* enginesIn("Connected")], [2, 0])
        yield* connect(engines[0], "alice")
        yield* VirtualTime.elapse("1 second")
        assert.deepStrictEqual([yield* enginesIn("Disconnected"), yield* enginesIn("Connected")], [1, 1])
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual([yield* enginesIn("Disconnected"), yield* enginesIn("Connected")], [0, 0])
      })
    )
  )

  it.effect("counts what is sent and received, by samples", () =>
    measured(
      Effect.gen(function* () {
        const [alice, bob] = yield* Effect.all([TestRTCEngine.make("alice"), TestRTCEngine.make("bob")])
        yield* Telemetry.observe(alice, { attributes, sampleInterval: "1 second" })
        yield* Telemetry.observe(bob, { attributes: { ...attributes, who: "bob" }, sampleInterval: "1 second" })
        yield* connect(alice, "alice")
        yield* connect(bob, "bob")
        for (let index = 0; index < 7; index++) yield* alice.sendData(Packet.user("reliable"))
        yield* alice.sendData(Packet.user("lossy"), { kind: "lossy" })
        yield* VirtualTime.elapse("2 seconds")
        assert.strictEqual(yield* counted(EngineMetrics.packetsSent, { "livekit.data.kind": "reliable" }), 7)
        assert.strictEqual(yield* counted(EngineMetrics.packetsSent, { "livekit.data.kind": "lossy" }), 1)
        assert.strictEqual(yield* counted(EngineMetrics.packetsReceived, { who: "bob" }), 8)
        assert.strictEqual(yield* counted(EngineMetrics.bytesSent), (yield* alice.counters).bytesSent)
        assert.isAbove(yield* counted(EngineMetrics.bytesSent), 8 * 5)
      })
    )
  )

  it.effect("counts the attempts of an outage by cause and outcome, and the time to recover", () =>
    measured(
      Effect.gen(function* () {
        const server = yield* TestServer.TestServer
        const alice = yield* TestRTCEngine.make("alice")
        yield* Telemetry.observe(alice, { attributes })
        yield* connect(alice, "alice")
        yield* server.faults.dropSignal("alice")
        yield* VirtualTime.elapse("10 seconds")
        assert.strictEqual(yield* alice.state, "Connected")
        const attempts = (outcome: string) =>
          counted(EngineMetrics.reconnectAttempts, {
            "livekit.reconnect.cause": "SignalEnded",
            "livekit.reconnect.outcome": outcome
          })
        assert.strictEqual(yield* attempts("resumed"), 1)
        const { count, max } = yield* Metric.value(
          Metric.withAttributes(EngineMetrics.recoveryDuration, {
            ...attributes,
            "livekit.reconnect.outcome": "resumed"
          })
        )
        assert.strictEqual(count, 1)
        assert.isBelow(max, 5_000)
      })
    )
  )

  it.effect("logs what troubles a connection, by level and with attributes, and no token", () =>
    measured(
      Effect.gen(function* () {
        const lines: Array<{ level: string; message: string; annotations: Readonly<Record<string, unknown>> }> = []
        const logger = Logger.make(({ fiber, logLevel, message }) => {
          lines.push({
            level: logLevel,
            message: String(message),
            annotations: fiber.getRef(References.CurrentLogAnnotations)
          })
        })
        const server = yield* TestServer.TestServer
        const network = yield* SimNetwork.SimNetwork
        const alice = yield* TestRTCEngine.make("alice")
        const secret = yield* Effect.gen(function* () {
          yield* Telemetry.observe(alice, { attributes: { "livekit.room": "hall" } })
          const token = yield* connect(alice, "alice")
          yield* server.faults.dropSignal("alice")
          yield* VirtualTime.elapse("10 seconds")
          yield* network.cutOff("alice")
          yield* VirtualTime.elapse("3 minutes")
          return token
        }).pipe(Effect.provide(Logger.layer([logger])))
        const said = lines.map(({ level, message }) => `${level} ${message}`)
        assert.deepStrictEqual(said.slice(0, 3), [
          "Info connected",
          "Warn the connection was lost, resuming",
          "Info resumed"
        ])
        assert.match(said.at(-1) ?? "", /^Error reconnecting was given up after \d+ attempts in \d+ ms$/)
        assert.strictEqual(lines[1]?.annotations["livekit.reconnect.cause"], "SignalEnded")
        assert.strictEqual(lines.at(-1)?.annotations["error.type"], "ReconnectExhausted")
        assert.isTrue(lines.every(({ annotations }) => annotations["livekit.room"] === "hall"))
        assert.notInclude(JSON.stringify(lines), Redacted.value(secret))
      })
    )
  )

  it("tells the types of the candidates in use, of what the runtime says", () => {
    const report = [
      {
        type: "candidate-pair",
        id: "P1",
        nominated: false,
        state: "failed",
        localCandidateId: "L1",
        remoteCandidateId: "R1"
      },
      {
        type: "candidate-pair",
        id: "P2",
        nominated: true,
        state: "succeeded",
        localCandidateId: "L2",
        remoteCandidateId: "R1"
      },
      { type: "local-candidate", id: "L1", candidateType: "host", protocol: "udp" },
      { type: "local-candidate", id: "L2", candidateType: "relay", protocol: "tcp" },
      { type: "remote-candidate", id: "R1", candidateType: "host", protocol: "udp" }
    ].map(Stats.fromEntry)
    assert.deepStrictEqual(Telemetry.selectedPair(report), {
      "livekit.ice.local": "relay",
      "livekit.ice.remote": "host",
      "network.transport": "tcp"
    })
    assert.strictEqual(Telemetry.selectedPair([]), undefined)
  })
})
