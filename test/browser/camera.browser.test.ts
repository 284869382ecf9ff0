/**
 * A camera at one side and a video element at the other.
 */
import { assert, describe, it } from "@effect/vitest"
import { TrackSource } from "@livekit/protocol"
import { Effect, Option, type PubSub, Redacted, Stream } from "effect"
import { type EngineEvent, RTCEngine } from "effect-livekit"
import { BrowserRTCEngine, UserMedia } from "effect-livekit/browser"
import { inject } from "vitest"
import { controlled } from "../../examples/browser/controlled.ts"
import { awaitEvent } from "../suites/endToEnd.ts"

const control = controlled(inject("controls"))

const join = Effect.fnUntraced(function* (url: string, identity: string, connectionMode: "single" | "dual") {
  const engine = yield* RTCEngine.make
  const events = yield* engine.subscribeEvents
  const token = Redacted.make(yield* control("token", { url, identity, room: "room" }))
  yield* engine.connect({ url, token, connectionMode })
  return { engine, events }
})

/** Plays the track that comes next. */
const nextVideo = Effect.fnUntraced(function* (events: PubSub.Subscription<EngineEvent.EngineEvent>) {
  const track = yield* Stream.fromSubscription(events).pipe(
    Stream.filter((event) => event._tag === "TrackSubscribed"),
    Stream.map(({ track }) => track.track),
    Stream.filter((track) => track instanceof MediaStreamTrack),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout(15_000)
  )
  const video = document.createElement("video")
  video.muted = true
  video.srcObject = new MediaStream([track])
  document.body.append(video)
  yield* Effect.addFinalizer(() => Effect.sync(() => video.remove()))
  yield* Effect.promise(() => video.play())
  return video
})

/** The picture of the next frame, made small. */
const nextPicture = (video: HTMLVideoElement) =>
  Effect.callback<{ readonly frames: number; readonly pixels: string }>((resume) => {
    const handle = video.requestVideoFrameCallback((_, { presentedFrames }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 })
      const context = canvas.getContext("2d")
      context?.drawImage(video, 0, 0, canvas.width, canvas.height)
      const pixels = String(context?.getImageData(0, 0, canvas.width, canvas.height).data)
      resume(Effect.succeed({ frames: presentedFrames, pixels }))
    })
    return Effect.sync(() => video.cancelVideoFrameCallback(handle))
  }).pipe(Effect.timeout(15_000))

const isMoving = Effect.fnUntraced(function* (video: HTMLVideoElement) {
  const first = yield* nextPicture(video)
  const { currentTime } = video
  const second = yield* nextPicture(video).pipe(Effect.repeat({ until: ({ pixels }) => pixels !== first.pixels }))
  assert.isAbove(second.frames, first.frames)
  assert.isAbove(video.currentTime, currentTime)
})

describe("a camera", () => {
  for (const mode of ["single", "dual"] as const) {
    it.live(
      `is seen at the other side, and again after a cut of the signal and after a new session (${mode})`,
      () =>
        Effect.gen(function* () {
          const url = yield* Effect.acquireRelease(control("start", { runtime: "wrtc" }), (url) =>
            control("stop", { url })
          )
          const alice = yield* join(url, "alice", mode)
          const bob = yield* join(url, "bob", mode)
          const camera = yield* UserMedia.camera({ width: 640, height: 360 })
          yield* alice.engine.publishTrack(camera, {
            source: TrackSource.CAMERA,
            video: { width: 640, height: 360 }
          })
          const video = yield* nextVideo(bob.events)
          yield* isMoving(video)
          assert.isAbove(video.videoWidth, 0)

          for (const identity of ["alice", "bob"]) {
            const { events } = identity === "alice" ? alice : bob
            yield* control("dropSignal", { url, identity })
            yield* awaitEvent(events, ({ _tag }) => _tag === "Resumed")
            yield* isMoving(video)
          }

          yield* control("restart", { url, downFor: 200 })
          const again = yield* nextVideo(bob.events)
          yield* isMoving(again)
        }).pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layerServices)),
      90_000
    )
  }
})
