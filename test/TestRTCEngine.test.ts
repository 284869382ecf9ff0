/**
 * Engines for tests, as the context of an application and by name.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { Expect, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

/** An application that connects by itself. */
const application = Effect.gen(function* () {
  const engine = yield* RTCEngine.RTCEngine
  const server = yield* TestServer.TestServer
  const token = yield* server.token({ identity: "bob", room: "room" })
  yield* engine.connect({ url: server.url, token, connectionMode: "dual" })
  yield* engine.sendData(Packet.user("hello"))
})

describe("TestRTCEngine.layer", () => {
  it.effect("is an engine for an application that takes one from its context", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      yield* VirtualTime.advancing(application)
      assert.deepStrictEqual(yield* server.received(1), ["hello"])
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
      yield* server.network.cutOff("bob")
      yield* Expect.event("bob", "Resuming")
    }).pipe(Effect.scoped, Effect.provide(TestRTCEngine.layer({ participant: "bob", pingInterval: 2, pingTimeout: 4 })))
  )

  it.effect("is like another runtime where it has to do without", () =>
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      yield* VirtualTime.advancing(application)
      yield* faults.dropSignal("bob")
      // Two peer connections cannot be taken up without ICE restart.
      yield* Expect.event("bob", "Reconnected")
    }).pipe(
      Effect.scoped,
      Effect.provide(TestRTCEngine.layer({ participant: "bob", capabilities: { iceRestart: false } }))
    )
  )
})

describe("TestRTCEngine.join", () => {
  it.effect("joins the room that is named, with what the token grants", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* TestRTCEngine.join("alice", {
        room: "hall",
        token: { canPublishData: false, name: "Alice" }
      })
      assert.deepStrictEqual(yield* server.participants("hall"), ["alice"])
      const bob = yield* server.join({ identity: "bob", room: "hall" })
      assert.deepStrictEqual(
        (yield* bob.others).map(({ name }) => name),
        ["Alice"]
      )
      const { reason } = yield* Effect.flip(alice.sendData(Packet.user("hello")))
      assert.strictEqual(reason._tag, "DataNotPermitted")
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )

  it.effect("fails as connect does, and says what happened where it cannot connect in time", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const expired = yield* Effect.flip(TestRTCEngine.join("alice", { token: { ttl: -1 } }))
      assert.isTrue(expired._tag === "EngineError" && expired.reason._tag === "Rejected")
      yield* server.network.cutOff("bob")
      const unreachable = yield* Effect.flip(TestRTCEngine.join("bob"))
      assert.isTrue(unreachable._tag === "EngineError" && unreachable.reason._tag === "DialTimeout")
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )
})

describe("TestRTCEngine.layerServices", () => {
  it.effect("is what RTCEngine.layer is made of", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const services = yield* Layer.build(RTCEngine.layer.pipe(Layer.provide(TestRTCEngine.layerServices("alice"))))
      const engine = Context.get(services, RTCEngine.RTCEngine)
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* VirtualTime.advancing(engine.connect({ url: server.url, token }))
      yield* server.network.cutOff("alice")
      yield* VirtualTime.elapse("25 seconds")
      assert.notStrictEqual(yield* engine.state, "Connected")
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )
})
