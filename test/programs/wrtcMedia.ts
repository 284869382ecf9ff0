/** Sessions in which wrtc sends and receives audio and video; ends by itself. Arguments: how many in turn, and how many at once. */
import { Effect, Layer, PubSub } from "effect"
import { RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"
import { wrtcMedia } from "../media/wrtcMedia.ts"

const [inTurn = "1", atOnce = "0"] = process.argv.slice(2)
const size = { width: 160, height: 120 }

const program = Effect.gen(function* () {
  const server = yield* DevServer.make()
  const session = Effect.fnUntraced(function* (room: string) {
    const [alice, bob] = yield* Effect.all([RTCEngine.make, RTCEngine.make])
    const events = yield* bob.subscribeEvents
    for (const [identity, engine] of [
      ["alice", alice],
      ["bob", bob]
    ] as const) {
      const token = yield* server.token({ identity: `${identity}-${room}`, room })
      yield* engine.connect({ url: server.url, token })
    }
    yield* alice.publishTrack(yield* wrtcMedia.tone)
    yield* alice.publishTrack(yield* wrtcMedia.picture(size), { video: size })
    for (let received = 0; received < 2;) {
      const event = yield* PubSub.take(events)
      if (event._tag !== "TrackSubscribed") continue
      yield* wrtcMedia.arrives(event.track.track)
      received++
    }
  }, Effect.scoped)
  const rooms = (count: string, name: string) => Array.from({ length: Number(count) }, (_, index) => `${name}-${index}`)
  yield* Effect.forEach(rooms(inTurn, "turn"), session, { discard: true })
  yield* Effect.forEach(rooms(atOnce, "once"), session, { discard: true, concurrency: "unbounded" })
})

const layer = Layer.merge(WrtcRTCEngine.layerServices, WrtcPeerConnection.layer)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))
console.log("done")
