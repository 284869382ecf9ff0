/**
 * Doubles for who needs no engine: they do nothing, but for the methods that a test gives.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Result, Stream } from "effect"
import { type EngineEvent, Packet, RTCEngine, SignalClient, SignalError } from "effect-livekit"

const options = { url: "ws://livekit.test", token: Redacted.make("token") }
const rejected = new SignalError.SignalError({ reason: new SignalError.Rejected({ status: 401, body: "no" }) })

describe("RTCEngine.layerNoop", () => {
  it.effect("does nothing, and never waits but for a connection", () =>
    Effect.gen(function* () {
      const engine = yield* RTCEngine.RTCEngine
      const connecting = yield* Effect.forkChild(engine.connect(options), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(connecting.pollUnsafe())
      assert.strictEqual(yield* engine.state, "Disconnected")
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(engine.stateChanges)), ["Disconnected"])
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(engine.events)), [])
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(engine.packets)), [])
      yield* engine.sendData(Packet.user("hello"))
      yield* engine.disconnect
      yield* engine.reconnectNow
      assert.strictEqual((yield* engine.disconnected)._tag, "Disconnected")
      assert.isTrue(Option.isNone(yield* engine.participant))
      assert.strictEqual((yield* engine.counters).sent, 0)
    }).pipe(Effect.scoped, Effect.provide(RTCEngine.layerNoop()))
  )

  it.effect("has the method that a test gives instead", () => {
    const sent: Array<string> = []
    return Effect.gen(function* () {
      const engine = yield* RTCEngine.RTCEngine
      yield* engine.sendData(Packet.user("hello"))
      assert.deepStrictEqual(sent, ["user"])
    }).pipe(Effect.provide(RTCEngine.layerNoop({ sendData: ({ case: kind }) => Effect.sync(() => sent.push(kind)) })))
  })

  it.effect("has the events that a test gives", () => {
    const told: EngineEvent.EngineEvent = { _tag: "TokenRefreshed" }
    return Effect.gen(function* () {
      const engine = yield* RTCEngine.RTCEngine
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(engine.events)), [told])
    }).pipe(Effect.provide(RTCEngine.layerNoop({ events: Stream.succeed(told) })))
  })
})

describe("SignalClient.layerNoop", () => {
  it.effect("has the method that a test gives, and dials nobody by the others", () =>
    Effect.gen(function* () {
      const client = yield* SignalClient.SignalClient
      const joined = yield* Effect.result(client.join(options))
      assert.isTrue(Result.isFailure(joined) && joined.failure === rejected)
    }).pipe(Effect.scoped, Effect.provide(SignalClient.layerNoop({ join: () => Effect.fail(rejected) })))
  )
})
