/** What an application of data and media takes of effect-livekit. */
import { Effect, Redacted, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { BrowserRTCEngine, UserMedia } from "effect-livekit/browser"

const program = (url: string, token: string, video: HTMLVideoElement) =>
  Effect.gen(function* () {
    const engine = yield* RTCEngine.RTCEngine
    yield* engine.packets.pipe(
      Stream.runForEach(({ packet }) => Effect.sync(() => console.log(packet.participantIdentity))),
      Effect.forkScoped
    )
    yield* engine.connect({ url, token: Redacted.make(token) })
    yield* engine.sendData(Packet.user("hello"))
    video.srcObject = new MediaStream([yield* UserMedia.camera()])
    return yield* engine.disconnected
  }).pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layer))

Object.assign(globalThis, {
  join: (...options: Parameters<typeof program>) => Effect.runPromise(program(...options))
})
