import { LeaveRequest, SimulateScenario } from "@livekit/protocol"
import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RTCEngine, WebSocketConstructor } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"
import { openWebSocket } from "../src/node/openWebSocket.ts"
import { rtpMedia } from "./media/rtpMedia.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"
import { startOver, type TrackFar, tracks } from "./suites/tracks.ts"

const modes = ["single", "dual"] as const

const pairings = [
  {
    name: "wrtc on both sides",
    layer: Layer.merge(WrtcRTCEngine.layerServices, WrtcPeerConnection.layer),
    media: wrtcMedia,
    resumable: { single: true, dual: true },
    hasStats: true
  },
  {
    name: "packets by node-datachannel on both sides",
    layer: Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer),
    media: rtpMedia,
    resumable: { single: true, dual: false },
    hasStats: false
  },
  {
    name: "wrtc on a server with node-datachannel",
    layer: Layer.merge(WrtcRTCEngine.layerServices, NodeDataChannel.layer),
    media: wrtcMedia,
    resumable: { single: false, dual: false },
    hasStats: true
  }
]

for (const { hasStats, layer, media, name, resumable } of pairings) {
  for (const mode of modes) {
    describe(`tracks on the dev server, ${name}, ${mode} peer connection`, () => {
      const far = Effect.map(DevServer.make().pipe(Effect.orDie), (server): TrackFar<Layer.Success<typeof layer>> => ({
        url: server.url,
        token: (identity) => server.token({ identity, room: "room" }),
        cut: server.faults.dropSignal,
        startOver: (identity) => server.faults.leave(identity, new LeaveRequest(startOver)),
        engine: () => RTCEngine.make
      }))
      tracks(mode, { media, hasStats, resumable: resumable[mode] }, far, (test) =>
        test.pipe(Effect.scoped, Effect.provide(layer))
      )
    })
  }
}

const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env

describe("tracks on a real LiveKit server", () => {
  if (url === undefined || apiKey === undefined || apiSecret === undefined) {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
    return
  }
  /** The sockets of each engine, in the order of the engines. */
  const sockets = new Map<string, WebSocketConstructor.WebSocketLike>()
  const layerOf = (identity: string) =>
    NodeRTCEngine.layerServicesWithoutDependencies.pipe(
      Layer.provide(
        Layer.merge(
          NodeRTCEngine.layerPlatform,
          WebSocketConstructor.layer((href) => {
            const socket = openWebSocket(href)
            sockets.set(identity, socket)
            return socket
          })
        )
      )
    )
  const runtimes = [
    { name: "wrtc", layer: WrtcPeerConnection.layer, media: wrtcMedia, hasStats: true, resumable: modes },
    { name: "node-datachannel", layer: NodeDataChannel.layer, media: rtpMedia, hasStats: false, resumable: ["single"] }
  ]
  for (const [{ hasStats, layer, media, name, resumable }, mode] of runtimes.flatMap((runtime) =>
    modes.map((mode) => [runtime, mode] as const)
  )) {
    describe(`${name}, ${mode} peer connection`, () => {
      const far = Effect.sync((): TrackFar<Layer.Success<typeof layer>> => {
        sockets.clear()
        const room = `effect-livekit-tracks-${mode}-${process.hrtime.bigint()}`
        const engines = new Map<string, RTCEngine.Engine>()
        return {
          url,
          token: (identity) => AccessToken.issue({ apiKey, apiSecret }, { identity, room }),
          cut: (identity) => Effect.sync(() => sockets.get(identity)?.close()),
          startOver: (identity) => {
            const scenario = { case: "nodeFailure", value: true } as const
            const value = new SimulateScenario({ scenario })
            return Effect.ignore(engines.get(identity)?.sendRequest({ case: "simulate", value }) ?? Effect.void)
          },
          engine: (identity) =>
            Effect.flatMap(Layer.build(layerOf(identity)), (services) =>
              Effect.provideContext(RTCEngine.make, services)
            ).pipe(Effect.tap((engine) => Effect.sync(() => engines.set(identity, engine))))
        }
      })
      tracks(mode, { media, hasStats, resumable: resumable.includes(mode) }, far, (test) =>
        test.pipe(Effect.scoped, Effect.provide(layer))
      )
    })
  }
})
