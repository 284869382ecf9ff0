/**
 * Opens sessions by wrtc one after the other and together, and ends by itself. Arguments: how many in turn, how
 * many at once, and the server's runtime.
 */
import { Effect, Layer, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"

const [inTurn = "3", atOnce = inTurn, runtime = "node-datachannel"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const server = yield* DevServer.make()
  const session = Effect.fnUntraced(function* (room: string) {
    const [alice, bob] = yield* Effect.all([RTCEngine.make, RTCEngine.make])
    const heard = yield* bob.subscribePackets
    const join = (engine: RTCEngine.Engine, identity: string) =>
      Effect.flatMap(server.token({ identity, room }), (token) =>
        engine.connect({ url: server.url, token, connectionMode: "dual" })
      )
    yield* Effect.all([join(alice, `alice-${room}`), join(bob, `bob-${room}`)], { concurrency: "unbounded" })
    yield* alice.sendData(Packet.user(room))
    yield* Stream.fromSubscription(heard).pipe(Stream.take(1), Stream.runDrain)
  }, Effect.scoped)
  const rooms = (count: string, name: string) => Array.from({ length: Number(count) }, (_, index) => `${name}-${index}`)
  yield* Effect.forEach(rooms(inTurn, "turn"), session, { discard: true })
  yield* Effect.forEach(rooms(atOnce, "once"), session, { discard: true, concurrency: "unbounded" })
})

const layer = Layer.merge(
  WrtcRTCEngine.layerServices,
  runtime === "wrtc" ? WrtcPeerConnection.layer : NodeDataChannel.layer
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))
console.log("done")
