/**
 * What a participant shows and what it sees: its own picture is published while it is connected, and the other's is played.
 */
import { TrackSource } from "@livekit/protocol"
import { Effect, FiberHandle, Stream, SubscriptionRef } from "effect"
import type { EngineEvent } from "effect-livekit"
import { UserMedia } from "effect-livekit/browser"
import type { Participant } from "./Participant.ts"
import type { ParticipantView } from "./ParticipantView.ts"
import * as picture from "./picture.ts"

const hues: Readonly<Record<string, number>> = { alice: 205, bob: 285 }

export const show = Effect.fnUntraced(function* (self: Participant, view: ParticipantView) {
  const { engine, identity, isFilming } = self
  const name = identity.charAt(0).toUpperCase() + identity.slice(1)
  const drawn = picture.track(name, hues[identity] ?? 100)
  const filmed = UserMedia.camera({ width: 640, height: 360 }).pipe(
    Effect.catch((error) => Effect.andThen(self.failed(error), drawn))
  )

  const publish = Effect.gen(function* () {
    const track = yield* (yield* SubscriptionRef.get(isFilming)) ? filmed : drawn
    view.own.srcObject = new MediaStream([track])
    yield* engine.publishTrack(track, { source: TrackSource.CAMERA, video: { width: 640, height: 360 } })
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.catch(self.failed))

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
    Stream.drop(1),
    Stream.runForEach(() => Effect.flatMap(engine.state, (state) => (state === "Disconnected" ? Effect.void : begin))),
    Effect.forkScoped
  )
})

const tracksOf = ({ srcObject }: HTMLVideoElement) => (srcObject instanceof MediaStream ? srcObject.getTracks() : [])

const play = (video: HTMLVideoElement, track: unknown) => {
  if (track instanceof MediaStreamTrack) video.srcObject = new MediaStream([track])
}

/** The next track may have come before the last one is said to be gone. */
const stop = (video: HTMLVideoElement, track: { readonly id: string }) => {
  if (tracksOf(video).some(({ id }) => id === track.id)) video.srcObject = null
}
