/**
 * The engine in a page: the browser's own WebSocket and WebRTC against servers in another process.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { BrowserPeerConnection, BrowserRTCEngine } from "effect-livekit/browser"
import { afterEach, vi } from "vitest"
import { awaitEvent, endToEnd, numbers, sendNumbers, take } from "../suites/endToEnd.ts"
import { restartedOffer } from "../suites/restartedOffer.ts"
import { cuttable, devServer, existing, realServer } from "./far.ts"
import { browserMedia } from "./media.ts"

afterEach(() => vi.restoreAllMocks())

const modes = ["single", "dual"] as const

const runtimes = [
  { runtime: "wrtc", resumable: { single: true, dual: true } },
  // The server cannot answer an ICE restart, and asks for a new join.
  { runtime: "node-datachannel", resumable: { single: false, dual: false } }
] as const

for (const { resumable, runtime } of runtimes) {
  for (const mode of modes) {
    describe(`two participants in a page on a server with ${runtime}, ${mode} peer connection`, () => {
      endToEnd(mode, { resumable: resumable[mode] }, devServer(runtime), (test) =>
        test.pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layerServices))
      )
    })
  }
}

describe("a conversation in a page", () => {
  for (const mode of modes) {
    it.live(
      `delivers five hundred numbered packets each way over three cuts (${mode})`,
      () =>
        Effect.gen(function* () {
          const server = yield* devServer("wrtc")
          const join = Effect.fnUntraced(function* (identity: string) {
            const engine = yield* server.engine(identity)
            const events = yield* engine.subscribeEvents
            const packets = yield* engine.subscribePackets
            yield* engine.connect({ url: server.url, token: yield* server.token(identity), connectionMode: mode })
            return { identity, engine, events, heard: yield* Effect.forkScoped(take(packets, 500)) }
          })
          const alice = yield* join("alice")
          const bob = yield* join("bob")
          const sending = yield* Effect.forkScoped(
            Effect.all([sendNumbers(alice.engine, 0, 500, 4), sendNumbers(bob.engine, 0, 500, 4)], {
              concurrency: "unbounded"
            })
          )
          for (const { events, identity } of [alice, bob, alice]) {
            yield* Effect.sleep(200)
            yield* server.cut(identity)
            yield* awaitEvent(events, ({ _tag }) => _tag === "Resumed")
          }
          yield* Fiber.join(sending)
          for (const { heard } of [alice, bob]) {
            assert.deepStrictEqual(yield* Fiber.join(heard).pipe(Effect.timeout(20_000)), numbers(0, 500))
          }
        }).pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layerServices)),
      60_000
    )
  }
})

describe("an engine in a page", () => {
  for (const operation of ["createOffer", "setLocalDescription", "setRemoteDescription"] as const) {
    it.live(`disconnects in the middle of ${operation}, whose promise a browser then never settles`, () =>
      Effect.gen(function* () {
        const server = yield* devServer("wrtc")
        const engine = yield* server.engine("alice")
        const begun = yield* Deferred.make<void>()
        vi.spyOn(RTCPeerConnection.prototype, operation).mockImplementation(() => {
          Deferred.doneUnsafe(begun, Effect.void)
          return new Promise<never>(() => {})
        })
        const connecting = yield* Effect.forkScoped(
          Effect.flatMap(server.token("alice"), (token) => engine.connect({ url: server.url, token }))
        )
        yield* Deferred.await(begun)
        yield* engine.disconnect.pipe(Effect.timeout(5_000))
        assert.strictEqual((yield* Effect.flip(Fiber.join(connecting))).reason._tag, "Ended")
      }).pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layerServices))
    )
  }
})

describe("a peer connection in a page", () => {
  it.live("restarts ICE with a new track as the far end may know it from an offer whose answer was lost", () =>
    Effect.flatMap(browserMedia.tone, restartedOffer).pipe(Effect.scoped, Effect.provide(BrowserPeerConnection.layer))
  )
})

describe("two participants in a page on a real LiveKit server", () => {
  if (existing === null) {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
    return
  }
  for (const mode of modes) {
    endToEnd(mode, { resumable: true }, realServer(existing, mode), (test) =>
      test.pipe(Effect.scoped, Effect.provide(cuttable))
    )
  }
})
