/**
 * Code that throws where it must not, in what an application gives to the engine.
 */
import { assert, describe } from "@effect/vitest"
import { DisconnectReason } from "@livekit/protocol"
import { Cause, Context, Effect, Exit, Fiber, Layer, Option, Result } from "effect"
import { PeerConnectionTransport, RTCEngine } from "effect-livekit"
import { TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { test } from "./suites/inMemory.ts"

const { elapse } = VirtualTime
const options = Effect.gen(function* () {
  const server = yield* TestServer.TestServer
  return { url: server.url, token: yield* server.token({ identity: "alice", room: "room" }) }
})

describe("a defect", () => {
  test(
    "during a resume ends the connection with it, and the next one works",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const applicationState = Effect.die("a bug of the application")
      const alice = yield* TestRTCEngine.join("alice", { applicationState })
      yield* faults.dropSignal("alice")
      yield* elapse("5 seconds")
      assert.strictEqual(yield* alice.state, "Disconnected")
      const { error, reason } = yield* alice.disconnected
      assert.strictEqual(reason, DisconnectReason.UNKNOWN_REASON)
      assert.isTrue(error?.reason._tag === "Defect" && error.reason.cause === "a bug of the application")
      yield* VirtualTime.advancing(alice.connect(yield* options))
      assert.strictEqual(yield* alice.state, "Connected")
    })
  )

  test(
    "in what handles a message ends a connect with it, at once and with nothing left behind",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const services = yield* Layer.build(TestRTCEngine.layerServices("alice"))
      const factory = Context.get(services, PeerConnectionTransport.Factory)
      const engine = yield* RTCEngine.make.pipe(
        Effect.provideService(PeerConnectionTransport.Factory, {
          ...factory,
          make: (of) =>
            Effect.map(factory.make(of), (transport) => ({
              ...transport,
              acceptAnswer: () => Effect.die("a bug of the runtime")
            }))
        }),
        Effect.provideContext(services)
      )
      const connecting = yield* Effect.forkScoped(engine.connect(yield* options))
      yield* elapse("1 second")
      const exit = yield* Fiber.await(connecting)
      const cause = Option.getOrThrow(Exit.getCause(exit))
      assert.strictEqual(Result.getOrThrow(Cause.findDefect(cause)), "a bug of the runtime")
      assert.strictEqual(yield* engine.state, "Disconnected")
      assert.deepStrictEqual(yield* server.participants("room"), [])
    })
  )
})
