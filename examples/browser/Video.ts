/**
 * What a participant shows and what it sees: its own picture is published while it is connected, and the other's is played.
 */
import { TrackSource } from "@livekit/protocol"
import { Data, Effect, FiberHandle, Stream, SubscriptionRef } from "effect"
import type { EngineEvent } from "effect-livekit"
import { UserMedia } from "effect-livekit/browser"
import type { Participant } from "./Participant.ts"
import type { ParticipantView } from "./ParticipantView.ts"
import * as picture from "./picture.ts"

class CameraEnded extends Data.TaggedError("CameraEnded") {
  override readonly message: string = "the camera gives no picture any more"
}

const hues: Readonly<Record<string, number>> = { alice: 205, bob: 285 }

export const show = Effect.fnUntraced(function* (self: Participant, view: ParticipantView) {
  const { engine, identity, isFilming } = self
  const name = identity.charAt(0).toUpperCase() + identity.slice(1)
  const drawn = picture.track(name, hues[identity] ?? 100)
  const filmed = UserMedia.camera({ width: 640, height: 360 })
  const preview = (track: MediaStreamTrack) =>
    Effect.acquireRelease(
      Effect.sync(() => play(view.own, track)),
      () => Effect.sync(() => stop(view.own, track))
    )

  const publish = Effect.gen(function* () {
    const track = yield* (yield* SubscriptionRef.get(isFilming)) ? filmed : drawn
    yield* preview(track)
    yield* engine.publishTrack(track, { source: TrackSource.CAMERA, video: { width: 640, height: 360 } })
    yield* ended(track)
    return yield* new CameraEnded()
  }).pipe(
    Effect.scoped,
    // Without a camera the picture is drawn again.
    Effect.catch((error) => Effect.andThen(self.failed(error), SubscriptionRef.set(isFilming, false)))
  )

  const publishing = yield* FiberHandle.make<void>()
  const begin = Effect.asVoid(FiberHandle.run(publishing, publish))

  const onEvent = (event: EngineEvent.EngineEvent) => {
    switch (event._tag) {
      case "Connected":
        return begin
      case "Disconnected":
        return FiberHandle.clear(publishing)
      case "TrackSubscribed":
        return Effect.sync(() => play(view.video, event.track.track))
      case "TrackUnsubscribed":
        return Effect.sync(() => stop(view.video, event.track.track))
      default:
        return Effect.void
    }
  }
  yield* Stream.fromSubscription(yield* engine.subscribeEvents).pipe(Stream.runForEach(onEvent), Effect.forkScoped)
  // Another source for the picture is another track.
  yield* SubscriptionRef.changes(isFilming).pipe(
    Stream.changes,
    Stream.drop(1),
    Stream.runForEach(() => Effect.flatMap(engine.state, (state) => (state === "Disconnected" ? Effect.void : begin))),
    Effect.forkScoped
  )
})

const tracksOf = ({ srcObject }: HTMLVideoElement) => (srcObject instanceof MediaStream ? srcObject.getTracks() : [])

/** Whoever stops a track himself is not told. */
const ended = (track: MediaStreamTrack) =>
  Effect.callback<void>((resume) => {
    const listen = () => resume(Effect.void)
    track.addEventListener("ended", listen)
    return Effect.sync(() => track.removeEventListener("ended", listen))
  })

const play = (video: HTMLVideoElement, track: unknown) => {
  if (track instanceof MediaStreamTrack) video.srcObject = new MediaStream([track])
}

/** The next track may have come before the last one is said to be gone. */
const stop = (video: HTMLVideoElement, track: { readonly id: string }) => {
  if (tracksOf(video).some(({ id }) => id === track.id)) video.srcObject = null
}
