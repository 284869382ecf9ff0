/** A development server in a process of its own. Argument: its WebRTC runtime. */
import { Effect } from "effect"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { WrtcPeerConnection } from "effect-livekit/wrtc"

const layer = process.argv[2] === "wrtc" ? WrtcPeerConnection.layer : NodeDataChannel.layer

const serve = Effect.gen(function* () {
  const server = yield* DevServer.make()
  process.on("message", ({ id }: { readonly id: number }) => {
    const { apiKey, apiSecret, url } = server
    process.send?.({ id, error: undefined, url, apiKey, apiSecret })
  })
  return yield* Effect.never
})

process.on("disconnect", () => process.exit())
await Effect.runPromise(serve.pipe(Effect.scoped, Effect.provide(layer)))
