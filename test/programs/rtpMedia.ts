/** Sessions in which node-datachannel sends and receives packets of audio and video; ends by itself. Argument: how many. */
import { Effect, Layer, PubSub } from "effect"
import { RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { rtpMedia } from "../media/rtpMedia.ts"

const [count = "1"] = process.argv.slice(2)
const size = { width: 160, height: 120 }

const session = Effect.fnUntraced(function* (server: DevServer.DevServer["Service"], room: string) {
  const [alice, bob] = yield* Effect.all([RTCEngine.make, RTCEngine.make])
  const events = yield* bob.subscribeEvents
  for (const [identity, engine] of [
    ["alice", alice],
    ["bob", bob]
  ] as const) {
    const token = yield* server.token({ identity, room })
    yield* engine.connect({ url: server.url, token })
  }
  yield* alice.publishTrack(yield* rtpMedia.tone)
  yield* alice.publishTrack(yield* rtpMedia.picture(size), { video: size })
  for (let received = 0; received < 2;) {
    const event = yield* PubSub.take(events)
    if (event._tag !== "TrackSubscribed") continue
    yield* rtpMedia.arrives(event.track.track)
    received++
  }
}, Effect.scoped)

await Effect.gen(function* () {
  const server = yield* DevServer.make()
  for (let index = 0; index < Number(count); index++) yield* session(server, `room ${index}`)
}).pipe(
  Effect.scoped,
  Effect.provide(Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)),
  Effect.runPromise
)
console.log("done")
