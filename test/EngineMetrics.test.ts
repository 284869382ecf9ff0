/**
 * That each metric is counted, where what it counts happens.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Metric, Ref } from "effect"
import { EngineConfig, EngineMetrics, Packet, RTCEngine, Stats, Telemetry } from "effect-livekit"
import { Expect, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

const countOf = (metric: Metric.Counter<number>, attributes: Readonly<Record<string, string>> = {}) =>
  Effect.map(Metric.value(Metric.withAttributes(metric, attributes)), ({ count }) => count)

/** A test with a registry of its own. */
const measured = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(TestServer.layer()),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

const observedAlice = Effect.gen(function* () {
  const server = yield* TestServer.TestServer
  const engine = yield* TestRTCEngine.make("alice")
  yield* Telemetry.observe(engine, { sampleInterval: "1 second" })
  const token = yield* server.token({ identity: "alice", room: "room" })
  yield* VirtualTime.advancing(engine.connect({ url: server.url, token }))
  return engine
})

describe("of an engine", () => {
  it.effect("the round trip of the signal connection is measured", () =>
    measured(
      Effect.gen(function* () {
        const network = yield* SimNetwork.SimNetwork
        yield* network.set("alice", { latency: 20 })
        yield* observedAlice
        yield* VirtualTime.elapse("30 seconds")
        const { count, max, min } = yield* Metric.value(EngineMetrics.signalRoundTrip)
        assert.isAbove(count, 10)
        assert.deepStrictEqual([min, max], [40, 40])
      })
    )
  )

  it.effect("what is replayed by a resume is counted", () =>
    measured(
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const network = yield* SimNetwork.SimNetwork
        const alice = yield* observedAlice
        yield* network.cutOff("alice", { path: "media", direction: "up" })
        yield* faults.dropSignal("alice")
        for (const text of ["1", "2", "3"]) yield* alice.sendData(Packet.user(text))
        yield* VirtualTime.elapse("2 seconds")
        yield* network.restore("alice")
        const { replayed } = yield* Expect.event("alice", "Resumed")
        yield* VirtualTime.elapse("1 second")
        assert.strictEqual(replayed, 3)
        assert.strictEqual(yield* countOf(EngineMetrics.packetsReplayed), 3)
      })
    )
  )

  it.effect("what is in doubt after a full reconnect is counted, and each attempt", () =>
    measured(
      Effect.gen(function* () {
        const { faults } = yield* TestServer.TestServer
        const alice = yield* observedAlice
        yield* alice.sendData(Packet.user("1"))
        yield* alice.sendData(Packet.user("2"))
        yield* VirtualTime.elapse("1 second")
        yield* faults.refuseNextResume("alice")
        yield* faults.dropSignal("alice")
        yield* Expect.event("alice", "Reconnected")
        yield* VirtualTime.elapse("1 second")
        assert.strictEqual(yield* countOf(EngineMetrics.packetsInDoubt), 2)
        const attempts = (outcome: string) =>
          countOf(EngineMetrics.reconnectAttempts, {
            "livekit.reconnect.cause": "SignalEnded",
            "livekit.reconnect.outcome": outcome
          })
        assert.deepStrictEqual(yield* Effect.all([attempts("failed"), attempts("restarted")]), [1, 1])
        const recovery = Metric.withAttributes(EngineMetrics.recoveryDuration, {
          "livekit.reconnect.outcome": "restarted"
        })
        assert.strictEqual((yield* Metric.value(recovery)).count, 1)
      })
    )
  )

  it.effect("what waits is shown, and what was never delivered is counted when it is over", () =>
    measured(
      Effect.gen(function* () {
        const network = yield* SimNetwork.SimNetwork
        const alice = yield* observedAlice
        yield* network.cutOff("alice")
        yield* VirtualTime.elapse("45 seconds")
        for (const text of ["1", "2"]) yield* alice.sendData(Packet.user(text))
        yield* VirtualTime.elapse("2 seconds")
        const { value } = yield* Metric.value(EngineMetrics.bytesBuffered)
        assert.isAbove(value, 0)
        assert.strictEqual(value, (yield* alice.counters).pendingBytes)
        yield* Expect.event("alice", "Disconnected", { within: "1 minute" })
        yield* VirtualTime.elapse("1 second")
        assert.strictEqual(yield* countOf(EngineMetrics.packetsUndelivered), 2)
        assert.strictEqual((yield* Metric.value(EngineMetrics.bytesBuffered)).value, 0)
      })
    )
  )

  it.effect("what is dropped for want of room is counted", () =>
    measured(
      Effect.gen(function* () {
        const network = yield* SimNetwork.SimNetwork
        const alice = yield* observedAlice
        yield* network.set("alice", { bandwidth: 8_000 }, { path: "media", direction: "up" })
        for (let sent = 0; sent < 40; sent++) {
          yield* alice.sendData(Packet.user("x".repeat(1_000)), { kind: "lossy" })
        }
        yield* VirtualTime.elapse("2 seconds")
        const { lossyDropped } = yield* alice.counters
        assert.isAbove(lossyDropped, 0)
        assert.strictEqual(
          yield* countOf(EngineMetrics.packetsDropped, { "livekit.data.drop.reason": "send_full" }),
          lossyDropped
        )
      })
    ).pipe(Effect.provideService(EngineConfig.EngineConfig, { ...EngineConfig.defaults, lossyCapacity: 4_000 }))
  )
})

describe("of what an engine says of itself", () => {
  /** An engine that does nothing, but for what it says. */
  const observed = Effect.fnUntraced(function* (said: Partial<RTCEngine.Engine>) {
    const engine = Context.get(yield* Layer.build(RTCEngine.layerNoop(said)), RTCEngine.RTCEngine)
    yield* Telemetry.observe(engine, { sampleInterval: "1 second" })
  })

  it.effect("every reason of a drop is counted", () =>
    measured(
      Effect.gen(function* () {
        const counters = yield* Ref.make({
          received: 0,
          duplicates: 0,
          malformed: 0,
          dropped: 0,
          sent: 0,
          lossySent: 0,
          lossyDropped: 0,
          bytesSent: 0,
          pendingBytes: 0
        })
        yield* observed({ counters: Ref.get(counters) })
        yield* VirtualTime.elapse("1 second")
        yield* Ref.update(counters, (before) => ({
          ...before,
          lossyDropped: 1,
          dropped: 2,
          duplicates: 3,
          malformed: 4
        }))
        yield* VirtualTime.elapse("2 seconds")
        const reasons = ["send_full", "receive_full", "duplicate", "malformed"]
        const counts = yield* Effect.forEach(reasons, (reason) =>
          countOf(EngineMetrics.packetsDropped, { "livekit.data.drop.reason": reason })
        )
        assert.deepStrictEqual(counts, [1, 2, 3, 4])
      })
    )
  )

  it.effect("the candidates in use are sampled, by type", () =>
    measured(
      Effect.gen(function* () {
        const report = [
          {
            type: "candidate-pair",
            id: "P",
            nominated: true,
            state: "succeeded",
            localCandidateId: "L",
            remoteCandidateId: "R"
          },
          { type: "local-candidate", id: "L", candidateType: "relay", protocol: "udp" },
          { type: "remote-candidate", id: "R", candidateType: "host", protocol: "udp" }
        ].map(Stats.fromEntry)
        yield* observed({ publisherStats: Effect.succeed(report), rtt: Effect.succeedNone })
        const pair = { "livekit.ice.local": "relay", "livekit.ice.remote": "host", "network.transport": "udp" }
        const before = yield* countOf(EngineMetrics.candidatePairs, pair)
        yield* VirtualTime.elapse("3 seconds")
        assert.strictEqual((yield* countOf(EngineMetrics.candidatePairs, pair)) - before, 3)
      })
    )
  )
})
