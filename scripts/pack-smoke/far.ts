/**
 * The far end of the page: a room, and bob in it, who says what he hears. Run where the packed library is installed.
 */
import { Effect, Layer, Redacted, Stream } from "effect"
import { RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"

const program = Effect.gen(function* () {
  const server = yield* DevServer.make()
  const bob = yield* RTCEngine.make
  const heard = yield* bob.subscribePackets
  yield* bob.connect({ url: server.url, token: yield* server.token({ identity: "bob", room: "hall" }) })
  const token = yield* server.token({ identity: "page", room: "hall" })
  console.log(new URLSearchParams({ url: server.url, token: Redacted.value(token) }).toString())
  yield* Stream.fromSubscription(heard).pipe(
    Stream.take(1),
    Stream.runForEach(({ packet: { value } }) =>
      Effect.sync(
        () => value.case === "user" && console.log(`bob heard: ${new TextDecoder().decode(value.value.payload)}`)
      )
    )
  )
})

await Effect.runPromise(
  program.pipe(Effect.scoped, Effect.provide(Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)))
)
