/**
 * Sessions in which audio and video are sent and received; ends by itself. Arguments: the runtime, how many in turn, how many at
 * once.
 */
import { Effect, Layer, PubSub } from "effect"
import { type EngineServices, type PeerConnectionFactory, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import type { TestMedia } from "../media/wrtcMedia.ts"

const [runtime = "wrtc", inTurn = "1", atOnce = "0"] = process.argv.slice(2)
const size = { width: 160, height: 120 }

/** Only what is used is loaded: a process that has loaded wrtc ends differently. */
const load = async (): Promise<{
  readonly media: TestMedia
  readonly layer: Layer.Layer<EngineServices.EngineServices | PeerConnectionFactory.PeerConnectionFactory>
}> => {
  if (runtime === "wrtc") {
    const { WrtcPeerConnection, WrtcRTCEngine } = await import("effect-livekit/wrtc")
    const { wrtcMedia } = await import("../media/wrtcMedia.ts")
    return { media: wrtcMedia, layer: Layer.merge(WrtcRTCEngine.layerServices, WrtcPeerConnection.layer) }
  }
  const { NodeDataChannel, NodeRTCEngine } = await import("effect-livekit/node")
  const { rtpMedia } = await import("../media/rtpMedia.ts")
  return { media: rtpMedia, layer: Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer) }
}

const { layer, media } = await load()

const program = Effect.gen(function* () {
  const server = yield* DevServer.make()
  const session = Effect.fnUntraced(function* (room: string) {
    const [alice, bob] = yield* Effect.all([RTCEngine.make, RTCEngine.make])
    const events = yield* bob.subscribeEvents
    for (const [identity, engine] of [
      ["alice", alice],
      ["bob", bob]
    ] as const) {
      yield* engine.connect({ url: server.url, token: yield* server.token({ identity, room }) })
    }
    yield* alice.publishTrack(yield* media.tone)
    yield* alice.publishTrack(yield* media.picture(size), { video: size })
    for (let received = 0; received < 2;) {
      const event = yield* PubSub.take(events)
      if (event._tag !== "TrackSubscribed") continue
      yield* media.arrives(event.track.track)
      received++
    }
  }, Effect.scoped)
  const rooms = (count: string, name: string) => Array.from({ length: Number(count) }, (_, index) => `${name}-${index}`)
  yield* Effect.forEach(rooms(inTurn, "turn"), session, { discard: true })
  yield* Effect.forEach(rooms(atOnce, "once"), session, { discard: true, concurrency: "unbounded" })
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))
console.log("done")
