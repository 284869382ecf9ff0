/**
 * The engine in a page: the browser's own WebSocket and WebRTC against servers in another process.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { RTCEngine, WebSocketConstructor } from "effect-livekit"
import { BrowserPeerConnection, BrowserRTCEngine } from "effect-livekit/browser"
import { inject } from "vitest"
import { controlled } from "../../examples/browser/controlled.ts"
import { awaitEvent, endToEnd, type Far, numbers, sendNumbers, take } from "../suites/endToEnd.ts"

const control = controlled(inject("controls"))
const layer = BrowserRTCEngine.layerServices

const start = (runtime: "wrtc" | "node-datachannel") =>
  Effect.acquireRelease(control("start", { runtime }), (url) => control("stop", { url }))

const runtimes = [
  { runtime: "wrtc", resumable: { single: true, dual: true } },
  // The server cannot answer an ICE restart, and asks for a new join.
  { runtime: "node-datachannel", resumable: { single: false, dual: false } }
] as const

for (const { resumable, runtime } of runtimes) {
  for (const mode of ["single", "dual"] as const) {
    describe(`two participants in Chromium on a server with ${runtime}, ${mode} peer connection`, () => {
      const far = Effect.map(start(runtime), (url): Far<Layer.Success<typeof layer>> => ({
        url,
        token: (identity) => Effect.map(control("token", { url, identity, room: "room" }), Redacted.make),
        cut: (identity) => Effect.asVoid(control("dropSignal", { url, identity })),
        engine: () => RTCEngine.make
      }))
      endToEnd(mode, { resumable: resumable[mode] }, far, (test) => test.pipe(Effect.scoped, Effect.provide(layer)))
    })
  }
}

describe("a conversation in Chromium", () => {
  for (const mode of ["single", "dual"] as const) {
    it.live(
      `delivers five hundred numbered packets each way over three cuts (${mode})`,
      () =>
        Effect.gen(function* () {
          const url = yield* start("wrtc")
          const join = Effect.fnUntraced(function* (identity: string) {
            const engine = yield* RTCEngine.make
            const events = yield* engine.subscribeEvents
            const packets = yield* engine.subscribePackets
            const token = Redacted.make(yield* control("token", { url, identity, room: "room" }))
            yield* engine.connect({ url, token, connectionMode: mode })
            return { engine, events, heard: yield* Effect.forkScoped(take(packets, 500)) }
          })
          const alice = yield* join("alice")
          const bob = yield* join("bob")
          const sending = yield* Effect.forkScoped(
            Effect.all([sendNumbers(alice.engine, 0, 500, 4), sendNumbers(bob.engine, 0, 500, 4)], {
              concurrency: "unbounded"
            })
          )
          for (const { events, identity } of [
            { ...alice, identity: "alice" },
            { ...bob, identity: "bob" },
            { ...alice, identity: "alice" }
          ]) {
            yield* Effect.sleep(200)
            yield* control("dropSignal", { url, identity })
            yield* awaitEvent(events, ({ _tag }) => _tag === "Resumed")
          }
          yield* Fiber.join(sending)
          for (const { heard } of [alice, bob]) {
            assert.deepStrictEqual(yield* Fiber.join(heard).pipe(Effect.timeout(10_000)), numbers(0, 500))
          }
        }).pipe(Effect.scoped, Effect.provide(layer)),
      60_000
    )
  }
})

const existing = inject("existing")

describe("two participants in Chromium on a real LiveKit server", () => {
  if (existing === null) {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
    return
  }
  const sockets: Array<WebSocket> = []
  const platform = Layer.merge(
    BrowserRTCEngine.layerPlatform,
    WebSocketConstructor.layer((url) => {
      const socket = new WebSocket(url)
      sockets.push(socket)
      return socket
    })
  )
  const real = BrowserRTCEngine.layerServicesWithoutDependencies.pipe(
    Layer.provide(BrowserPeerConnection.layer),
    Layer.provide(platform)
  )
  for (const mode of ["single", "dual"] as const) {
    const far = Effect.sync((): Far<Layer.Success<typeof real>> => {
      sockets.length = 0
      const room = `effect-livekit-${mode}-${crypto.randomUUID()}`
      return {
        url: existing,
        token: (identity) => Effect.map(control("token", { url: existing, identity, room }), Redacted.make),
        // Alice joins first, so the first socket that is still open is hers.
        cut: () => Effect.sync(() => sockets.find(({ readyState }) => readyState === WebSocket.OPEN)?.close()),
        engine: () => RTCEngine.make
      }
    })
    endToEnd(mode, { resumable: true }, far, (test) => test.pipe(Effect.scoped, Effect.provide(real)))
  }
})
