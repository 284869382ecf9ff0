/** Two dozen short sessions; the process must end by itself afterwards. */
import { Effect, Layer } from "effect"
import { RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"

await Effect.gen(function* () {
  const server = yield* DevServer.make()
  for (const connectionMode of ["single", "dual"] as const) {
    for (let index = 0; index < 12; index++) {
      const engine = yield* RTCEngine.make
      const token = yield* server.token({ identity: "alice", room: `${connectionMode} ${index}` })
      yield* engine.connect({ url: server.url, token, connectionMode })
      yield* engine.disconnect
    }
  }
}).pipe(
  Effect.scoped,
  Effect.provide(Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)),
  Effect.runPromise
)
console.log("done")
