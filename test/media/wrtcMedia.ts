/**
 * Synthetic media by wrtc: a tone, a moving picture, and what is heard and seen of them.
 */
import { Effect, Option, Schedule, type Scope, Stream } from "effect"
import type { PeerConnectionError, RtcMedia } from "effect-livekit"
import { WrtcMedia } from "effect-livekit/wrtc"

/** What the suite of tracks wants of a runtime. */
export interface TestMedia {
  readonly tone: Effect.Effect<RtcMedia.MediaTrack, never, Scope.Scope>
  readonly picture: (size: {
    readonly width: number
    readonly height: number
  }) => Effect.Effect<RtcMedia.MediaTrack, never, Scope.Scope>
  /** What {@link arrives} says of the tone, and of a picture of 320x240. */
  readonly heard: string
  readonly seen: string
  /** Waits until media of a track has come in, and says what. */
  readonly arrives: (track: RtcMedia.MediaTrack) => Effect.Effect<string, PeerConnectionError.PeerConnectionError>
}

const sampleRate = 48_000

/** 440 Hz at a quarter of the full level. */
const tone: TestMedia["tone"] = Effect.gen(function* () {
  const source = yield* WrtcMedia.audioSource
  const size = sampleRate / 100
  const self = { at: 0 }
  const write = Effect.sync(() => {
    const samples = Int16Array.from({ length: size }, () =>
      Math.round(8_192 * Math.sin((self.at++ * 2 * Math.PI * 440) / sampleRate))
    )
    source.write({ samples, sampleRate })
  })
  yield* Effect.forkScoped(Effect.schedule(write, Schedule.fixed(10)))
  return source.track
})

/** A bright bar that wanders over grey, 20 times a second. */
const picture: TestMedia["picture"] = ({ height, width }) =>
  Effect.gen(function* () {
    const source = yield* WrtcMedia.videoSource()
    const self = { at: 0 }
    const write = Effect.sync(() => {
      const data = new Uint8Array((width * height * 3) / 2).fill(128)
      const left = (self.at += 4) % (width - 16)
      for (let row = 0; row < height; row++) data.fill(235, row * width + left, row * width + left + 16)
      source.write({ width, height, data })
    })
    yield* Effect.forkScoped(Effect.schedule(write, Schedule.fixed(50)))
    return source.track
  })

const isLoud = ({ samples }: WrtcMedia.AudioSamples) => samples.some((sample) => Math.abs(sample) > 2_000)

const first = <A, E>(stream: Stream.Stream<A, E>) => Effect.map(Stream.runHead(stream), Option.getOrThrow)

const arrives: TestMedia["arrives"] = (track) =>
  track.kind === "audio"
    ? Effect.as(first(Stream.drop(Stream.filter(WrtcMedia.samples(track), isLoud), 20)), "loud")
    : Effect.map(first(Stream.drop(WrtcMedia.pictures(track), 5)), ({ height, width }) => `${width}x${height}`)

export const wrtcMedia: TestMedia = { tone, picture, arrives, heard: "loud", seen: "320x240" }
