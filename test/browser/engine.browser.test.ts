/**
 * The engine in a page: the browser's own WebSocket and WebRTC against servers in another process.
 */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { RTCEngine, WebSocketConstructor } from "effect-livekit"
import { BrowserPeerConnection, BrowserRTCEngine } from "effect-livekit/browser"
import { inject } from "vitest"
import { controlled } from "../../examples/browser/controlled.ts"
import { endToEnd, type Far } from "../suites/endToEnd.ts"

const control = controlled(inject("controls"))
const layer = BrowserRTCEngine.layerServices

const runtimes = [
  { runtime: "wrtc", resumable: { single: true, dual: true } },
  // The server cannot answer an ICE restart, and asks for a new join.
  { runtime: "node-datachannel", resumable: { single: false, dual: false } }
] as const

for (const { resumable, runtime } of runtimes) {
  for (const mode of ["single", "dual"] as const) {
    describe(`two participants in Chromium on a server with ${runtime}, ${mode} peer connection`, () => {
      const far = Effect.map(
        Effect.acquireRelease(control("start", { runtime }), (url) => control("stop", { url })),
        (url): Far<Layer.Success<typeof layer>> => ({
          url,
          token: (identity) => Effect.map(control("token", { url, identity, room: "room" }), Redacted.make),
          cut: (identity) => Effect.asVoid(control("dropSignal", { url, identity })),
          engine: () => RTCEngine.make
        })
      )
      endToEnd(mode, { resumable: resumable[mode] }, far, (test) => test.pipe(Effect.scoped, Effect.provide(layer)))
    })
  }
}

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
