/**
 * A Web Worker that signals and handles packets, which needs neither a page nor a peer connection.
 */
import { Effect, Layer, Redacted } from "effect"
import { Packet, PeerConnectionFactory, RTCEngine, SignalClient } from "effect-livekit"
import { BrowserRTCEngine } from "effect-livekit/browser"
import { DataPacket } from "@livekit/protocol"

const signalling = SignalClient.layer.pipe(Layer.provide(BrowserRTCEngine.layerPlatform))

const program = (url: string, token: string) =>
  Effect.gen(function* () {
    const client = yield* SignalClient.SignalClient
    const { handshake } = yield* client.join({ url, token: Redacted.make(token), connectionMode: "dual" })
    const packet = DataPacket.fromBinary(Packet.encode(Packet.user("packed in a worker"), "reliable", [], 7))
    // The whole engine loads and is built where there are no peer connections; only dialling needs them.
    const engine = yield* RTCEngine.make.pipe(Effect.provide(servicesWithout))
    return {
      room: handshake._tag === "Joined" ? handshake.response.room?.name : undefined,
      text: packet.value.case === "user" ? new TextDecoder().decode(packet.value.value.payload) : undefined,
      sequence: packet.sequence,
      state: yield* engine.state,
      hasPage: "document" in globalThis
    }
  }).pipe(Effect.scoped, Effect.provide(signalling))

const servicesWithout = BrowserRTCEngine.layerServicesWithoutDependencies.pipe(
  Layer.provide(
    Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, {
      capabilities: { iceRestart: false, setConfiguration: false, stats: false, media: "none", simulcast: false },
      make: () => Effect.never
    })
  ),
  Layer.provide(BrowserRTCEngine.layerPlatform)
)

export type Result = Effect.Success<ReturnType<typeof program>>

addEventListener("message", ({ data }: MessageEvent<readonly [url: string, token: string]>) => {
  Effect.runPromise(program(...data)).then(postMessage, (error: unknown) => postMessage(String(error)))
})
