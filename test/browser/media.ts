/**
 * Camera and microphone as the browser makes them up for tests, and what is heard and seen of them at the other side.
 */
import { Effect, Schedule, type Scope } from "effect"
import type { RtcMedia } from "effect-livekit"
import { UserMedia } from "effect-livekit/browser"
import type { TestMedia } from "../media/wrtcMedia.ts"

/** A remote track is one that an element can play. */
const streamOf = (track: RtcMedia.MediaTrack) =>
  track instanceof MediaStreamTrack
    ? Effect.succeed(new MediaStream([track]))
    : Effect.die("this is no track of a browser")

/** Plays a track until the scope closes. */
const play = <Element extends HTMLMediaElement>(
  element: Element,
  track: RtcMedia.MediaTrack
): Effect.Effect<Element, never, Scope.Scope> =>
  Effect.gen(function* () {
    element.srcObject = yield* streamOf(track)
    element.muted = element instanceof HTMLVideoElement
    document.body.append(element)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        element.srcObject = null
        element.remove()
      })
    )
    // Comes true with the first of the media.
    yield* Effect.promise(() => element.play())
    return element
  }).pipe(Effect.timeout(15_000), Effect.orDie)

export const playVideo = (track: RtcMedia.MediaTrack) => play(document.createElement("video"), track)

export interface Picture {
  readonly frames: number
  readonly size: string
  /** Of the picture, made small. */
  readonly pixels: ReadonlyArray<number>
}

/** The next frame that an element shows. */
const nextPicture = (video: HTMLVideoElement): Effect.Effect<Picture> =>
  Effect.callback<Picture>((resume) => {
    const handle = video.requestVideoFrameCallback((_, { presentedFrames }) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 })
      const context = canvas.getContext("2d")
      context?.drawImage(video, 0, 0, canvas.width, canvas.height)
      const data = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
      resume(
        Effect.succeed({ frames: presentedFrames, size: `${video.videoWidth}x${video.videoHeight}`, pixels: [...data] })
      )
    })
    return Effect.sync(() => video.cancelVideoFrameCallback(handle))
  }).pipe(Effect.timeout(15_000), Effect.orDie)

/** Waits for a picture that is later than another and not the same. */
export const isMoving = (video: HTMLVideoElement) =>
  Effect.gen(function* () {
    const first = yield* nextPicture(video)
    return yield* nextPicture(video).pipe(
      Effect.repeat({ until: ({ frames, pixels }) => frames > first.frames && String(pixels) !== String(first.pixels) })
    )
  }).pipe(Effect.timeout(15_000), Effect.orDie)

/** Waits for a picture of a track that is muted. */
export const isBlack = (video: HTMLVideoElement) =>
  nextPicture(video).pipe(
    Effect.repeat({ until: ({ pixels }) => pixels.every((value, index) => index % 4 === 3 || value < 40) }),
    Effect.timeout(15_000),
    Effect.orDie
  )

/** The loudest sample of a moment in which a track is played, of 1. */
const loudness = (track: RtcMedia.MediaTrack) =>
  Effect.gen(function* () {
    // Chromium hands over no sound of another participant that no element plays.
    yield* play(document.createElement("audio"), track)
    const context = yield* Effect.acquireRelease(
      Effect.sync(() => new AudioContext()),
      (context) => Effect.promise(() => context.close())
    )
    const analyser = context.createAnalyser()
    context.createMediaStreamSource(yield* streamOf(track)).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    return Effect.sync(() => {
      analyser.getFloatTimeDomainData(samples)
      return Math.max(...samples.map(Math.abs))
    })
  })

/** Waits until what is heard of a track is as wanted so many times in turn. */
const sounds = (track: RtcMedia.MediaTrack, times: number, isWanted: (loudest: number) => boolean) =>
  Effect.flatMap(loudness(track), (loudness) => {
    let turns = 0
    return loudness.pipe(
      Effect.repeat({
        schedule: Schedule.spaced(20),
        until: (loudest) => (turns = isWanted(loudest) ? turns + 1 : 0) === times
      })
    )
  }).pipe(Effect.timeout(15_000), Effect.orDie, Effect.scoped)

export const isHeard = (track: RtcMedia.MediaTrack) => sounds(track, 1, (loudest) => loudest > 0.02)

/** The devices of tests beep once a second. */
export const isSilent = (track: RtcMedia.MediaTrack) => sounds(track, 75, (loudest) => loudest < 0.001)

export const browserMedia: TestMedia = {
  tone: Effect.orDie(
    UserMedia.microphone({ autoGainControl: false, echoCancellation: false, noiseSuppression: false })
  ),
  picture: (size) => Effect.orDie(UserMedia.camera(size)),
  heard: "loud",
  seen: "320x240",
  arrives: (track) =>
    track.kind === "audio"
      ? Effect.as(isHeard(track), "loud")
      : Effect.flatMap(playVideo(track), isMoving).pipe(
          Effect.map(({ size }) => size),
          Effect.scoped
        )
}
