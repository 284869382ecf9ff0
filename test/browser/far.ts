/**
 * The servers that tests in a page are run on: development servers in another process, and the one that the variables name.
 */
import { Effect, Layer, Redacted, type Scope } from "effect"
import { RTCEngine, type SignalClient, WebSocketConstructor } from "effect-livekit"
import { BrowserPeerConnection, BrowserRTCEngine } from "effect-livekit/browser"
import { inject } from "vitest"
import { controlled } from "../../examples/browser/controlled.ts"
import type { Far } from "../suites/endToEnd.ts"
import type { TrackFar } from "../suites/tracks.ts"

export const control = controlled(inject("controls"))

export type Services = Layer.Success<typeof BrowserRTCEngine.layerServices>

/** Starts a server that ends with the scope. */
export const devServer = (
  runtime: "wrtc" | "node-datachannel"
): Effect.Effect<Far<Services> & TrackFar<Services>, never, Scope.Scope> =>
  Effect.acquireRelease(control("start", { runtime }), (url) => control("stop", { url })).pipe(
    Effect.map((url) => ({
      url,
      token: (identity, grants) =>
        Effect.map(control("token", { url, identity, room: "room", ...grants }), Redacted.make),
      remove: (identity) => Effect.asVoid(control("remove", { url, identity, room: "room" })),
      cut: (identity) => Effect.asVoid(control("dropSignal", { url, identity })),
      startOver: (identity) => Effect.asVoid(control("startOver", { url, identity })),
      engine: () => RTCEngine.make
    }))
  )

export const existing = inject("existing")

const sockets: Array<WebSocket> = []

/** The browser's layer, with sockets that can be cut from here. */
export const cuttable = BrowserRTCEngine.layerServicesWithoutDependencies.pipe(
  Layer.provide(BrowserPeerConnection.layer),
  Layer.provide(
    Layer.merge(
      BrowserRTCEngine.layerPlatform,
      WebSocketConstructor.layer((url) => {
        const socket = new WebSocket(url)
        sockets.push(socket)
        return socket
      })
    )
  )
)

/** A room of its own on the server that the variables name. */
export const realServer = (url: string, mode: SignalClient.ConnectionMode): Effect.Effect<Far<Services>> =>
  Effect.sync(() => {
    sockets.length = 0
    const room = `effect-livekit-${mode}-${crypto.randomUUID()}`
    return {
      url,
      token: (identity, grants) => Effect.map(control("token", { url, identity, room, ...grants }), Redacted.make),
      remove: (identity) => Effect.asVoid(control("remove", { url, identity, room })),
      // Alice joins first, so the first socket that is still open is hers.
      cut: () => Effect.sync(() => sockets.find(({ readyState }) => readyState === WebSocket.OPEN)?.close()),
      engine: () => RTCEngine.make
    }
  })
