/** The same, with every module imported by its path. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Packet from "effect-livekit/Packet"
import * as RTCEngine from "effect-livekit/RTCEngine"
import * as BrowserRTCEngine from "effect-livekit/browser/BrowserRTCEngine"
import * as UserMedia from "effect-livekit/browser/UserMedia"

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
