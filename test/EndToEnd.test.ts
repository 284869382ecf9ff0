import { describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DevServer } from "effect-livekit/dev-server"
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

if (url === undefined || apiKey === undefined || apiSecret === undefined) {
  describe("two participants on a real LiveKit server", () => {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
  })
}
