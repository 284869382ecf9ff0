/**
 * The core on a platform that has nothing of its own.
 */
import { assert, it } from "@effect/vitest"
import { JoinResponse, SignalResponse } from "@livekit/protocol"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { afterAll, beforeAll, vi } from "vitest"

const ambient = ["WebSocket", "fetch", "RTCPeerConnection", "navigator", "window"] as const

beforeAll(() => {
  for (const name of ambient) vi.stubGlobal(name, undefined)
})
afterAll(() => vi.unstubAllGlobals())

it.effect("is imported and joins without WebSocket, fetch, RTCPeerConnection, navigator and window", () =>
  Effect.gen(function* () {
    for (const name of ambient) assert.isUndefined(Reflect.get(globalThis, name))
    const { HttpGet, SignalClient } = yield* Effect.promise(() => import("effect-livekit"))
    const { TestSocket } = yield* Effect.promise(() => import("effect-livekit/testing"))
    const layer = SignalClient.layer.pipe(
      Layer.provideMerge(TestSocket.layer),
      Layer.provide(Layer.succeed(HttpGet.HttpGet, () => Effect.never))
    )
    yield* Effect.gen(function* () {
      const client = yield* SignalClient.SignalClient
      const joining = yield* Effect.forkScoped(client.join({ url: "ws://room", token: Redacted.make("token") }))
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      const value = new JoinResponse({ serverVersion: "1.13.5" })
      yield* dial.send(new SignalResponse({ message: { case: "join", value } }).toBinary())
      const { handshake } = yield* Fiber.join(joining)
      assert.isTrue(handshake._tag === "Joined" && handshake.response.serverVersion === "1.13.5")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })
)
