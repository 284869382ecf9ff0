/**
 * A camera at one side and a video element at the other.
 */
import { assert, describe, it } from "@effect/vitest"
import { TrackSource } from "@livekit/protocol"
import { Effect, Option, type PubSub, Stream } from "effect"
import type { EngineEvent } from "effect-livekit"
import { BrowserRTCEngine, UserMedia } from "effect-livekit/browser"
import { awaitEvent, type Far } from "../suites/endToEnd.ts"
import { control, cuttable, devServer, existing, realServer, type Services } from "./far.ts"

const join = Effect.fnUntraced(function* (server: Far<Services>, identity: string, mode: "single" | "dual") {
  const engine = yield* server.engine(identity)
  const events = yield* engine.subscribeEvents
  yield* engine.connect({ url: server.url, token: yield* server.token(identity), connectionMode: mode })
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

/** Alice's camera at bob's, and again after her signal connection was cut. */
const watch = Effect.fnUntraced(function* (server: Far<Services>, mode: "single" | "dual") {
  const alice = yield* join(server, "alice", mode)
  const bob = yield* join(server, "bob", mode)
  const camera = yield* UserMedia.camera({ width: 640, height: 360 })
  yield* alice.engine.publishTrack(camera, { source: TrackSource.CAMERA, video: { width: 640, height: 360 } })
  const video = yield* nextVideo(bob.events)
  yield* isMoving(video)
  assert.isAbove(video.videoWidth, 0)
  yield* server.cut("alice")
  yield* awaitEvent(alice.events, ({ _tag }) => _tag === "Resumed")
  yield* isMoving(video)
  return { bob, video }
})

describe("a camera", () => {
  for (const mode of ["single", "dual"] as const) {
    it.live(
      `is seen at the other side, and again after cuts of both signals and after a new session (${mode})`,
      () =>
        Effect.gen(function* () {
          const server = yield* devServer("wrtc")
          const { bob, video } = yield* watch(server, mode)
          yield* server.cut("bob")
          yield* awaitEvent(bob.events, ({ _tag }) => _tag === "Resumed")
          yield* isMoving(video)
          yield* control("restart", { url: server.url, downFor: 200 })
          yield* isMoving(yield* nextVideo(bob.events))
        }).pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layerServices)),
      90_000
    )
  }
})

describe("a camera on a real LiveKit server", () => {
  const url = existing
  if (url === null) {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
    return
  }
  for (const mode of ["single", "dual"] as const) {
    it.live(
      `is seen at the other side, and again after a cut of the signal (${mode})`,
      () =>
        Effect.flatMap(realServer(url, mode), (server) => watch(server, mode)).pipe(
          Effect.scoped,
          Effect.provide(cuttable)
        ),
      90_000
    )
  }
})
