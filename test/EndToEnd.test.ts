import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { WebSocketConstructor } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { endToEnd, type Far } from "./suites/endToEnd.ts"

const layer = Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)

for (const mode of ["single", "dual"] as const) {
  describe(`two participants on the dev server, ${mode} peer connection`, () => {
    const far = Effect.map(DevServer.make().pipe(Effect.orDie), (server): Far => ({
      url: server.url,
      token: (identity) => server.token({ identity, room: "room" }),
      cut: server.faults.dropSignal
    }))
    endToEnd(mode, far, (test) => test.pipe(Effect.scoped, Effect.provide(layer)))
  })
}

const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env

describe("two participants on a real LiveKit server", () => {
  if (url === undefined || apiKey === undefined || apiSecret === undefined) {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
    return
  }
  const sockets: Array<WebSocket> = []
  const platform = Layer.merge(
    NodeRTCEngine.layerPlatform,
    WebSocketConstructor.layer((href) => {
      const socket = new WebSocket(href)
      sockets.push(socket)
      return socket
    })
  )
  const real = NodeRTCEngine.layerServicesWithoutDependencies.pipe(
    Layer.provide(NodeDataChannel.layer),
    Layer.provide(platform)
  )
  for (const mode of ["single", "dual"] as const) {
    const far = Effect.sync((): Far => {
      sockets.length = 0
      const room = `effect-livekit-${mode}-${process.hrtime.bigint()}`
      return {
        url,
        token: (identity) => AccessToken.issue({ apiKey, apiSecret }, { identity, room }),
        // Alice joins first, so the first socket that is still open is hers.
        cut: () => Effect.sync(() => sockets.find(({ readyState }) => readyState === WebSocket.OPEN)?.close())
      }
    })
    endToEnd(mode, far, (test) => test.pipe(Effect.scoped, Effect.provide(real)))
  }
})
