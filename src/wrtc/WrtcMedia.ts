/**
 * Decoded media of `@roamhq/wrtc`: tracks made of samples and pictures, and samples and pictures of tracks.
 */
import wrtc from "@roamhq/wrtc"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { PeerConnectionError, Unsupported } from "../PeerConnectionError.ts"
import type { MediaTrack } from "../RtcMedia.ts"

/**
 * 10 ms of audio: `sampleRate / 100` samples of each channel, interleaved, from -32,768 to 32,767.
 *
 * @category models
 */
export interface AudioSamples {
  readonly samples: Int16Array
  /** Per second. */
  readonly sampleRate: number
  /** Default 1. */
  readonly channelCount?: number | undefined
}

/**
 * A picture as I420: all of Y, then U and V in half the width and height. Sides are even.
 *
 * @category models
 */
export interface VideoPicture {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/**
 * A track, and the way to fill it.
 *
 * @category models
 */
export interface Source<A> {
  readonly track: MediaTrack
  /** Throws if the sizes do not fit together. */
  readonly write: (media: A) => void
}

// A track that is not stopped keeps the process alive, and one that outlives its peer connection crashes it at its end.
const stopping = (make: () => MediaStreamTrack) =>
  Effect.acquireRelease(Effect.sync(make), (track) => Effect.sync(() => track.stop()))

/**
 * An audio track of samples; it is stopped when the scope closes.
 *
 * @category constructors
 */
export const audioSource: Effect.Effect<Source<AudioSamples>, never, Scope.Scope> = Effect.gen(function* () {
  const source = new wrtc.nonstandard.RTCAudioSource()
  const track = yield* stopping(() => source.createTrack())
  return {
    track,
    write: ({ channelCount = 1, sampleRate, samples }) =>
      source.onData({
        samples,
        sampleRate,
        channelCount,
        bitsPerSample: 16,
        numberOfFrames: samples.length / channelCount
      })
  }
})

/**
 * A video track of pictures; it is stopped when the scope closes.
 *
 * @category constructors
 */
export const videoSource = (
  options: {
    /** Keeps sharpness rather than motion. Default false. */
    readonly isScreencast?: boolean | undefined
  } = {}
): Effect.Effect<Source<VideoPicture>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const source = new wrtc.nonstandard.RTCVideoSource({ isScreencast: options.isScreencast ?? false })
    const track = yield* stopping(() => source.createTrack())
    return { track, write: (picture) => source.onFrame(picture) }
  })

/**
 * Whether a track is one of wrtc's, as those are that an engine with wrtc receives.
 *
 * @category predicates
 */
export const isNative = (track: MediaTrack): track is MediaTrack & globalThis.MediaStreamTrack =>
  // By its plain name, TypeScript would import wrtc's declarations into ours, and they do not compile.
  track instanceof wrtc.MediaStreamTrack

interface Sink {
  stop: () => void
  ondata?: unknown
  onframe?: unknown
}

/** What comes faster than it is read is dropped, the oldest first. */
const backlog = 64

const fromSink = <A>(track: MediaTrack, open: (native: MediaStreamTrack, take: (media: A) => void) => Sink) =>
  Stream.unwrap(
    Effect.gen(function* () {
      if (!isNative(track)) {
        return yield* new PeerConnectionError({ reason: new Unsupported({ capability: "tracks of another runtime" }) })
      }
      const queue = yield* Queue.sliding<A>(backlog)
      yield* Effect.acquireRelease(
        Effect.sync(() => open(track, (media) => Queue.offerUnsafe(queue, media))),
        (sink) => Effect.sync(() => sink.stop())
      )
      return Stream.fromQueue(queue)
    })
  )

/**
 * What is heard on an audio track, 10 ms each, from now on.
 *
 * @throws PeerConnectionError `Unsupported` for a track of another runtime
 * @category streams
 */
export const samples = (track: MediaTrack): Stream.Stream<AudioSamples, PeerConnectionError> =>
  fromSink<AudioSamples>(track, (native, take) => {
    const sink = new wrtc.nonstandard.RTCAudioSink(native)
    sink.ondata = ({ channelCount, sampleRate, samples }: AudioSamples) =>
      take({ samples: samples.slice(), sampleRate, channelCount })
    return sink
  })

/**
 * What is seen on a video track, picture by picture, from now on.
 *
 * @throws PeerConnectionError `Unsupported` for a track of another runtime
 * @category streams
 */
export const pictures = (track: MediaTrack): Stream.Stream<VideoPicture, PeerConnectionError> =>
  fromSink<VideoPicture>(track, (native, take) => {
    const sink = new wrtc.nonstandard.RTCVideoSink(native)
    sink.onframe = ({ frame }: { readonly frame: VideoPicture }) =>
      take({ width: frame.width, height: frame.height, data: new Uint8Array(frame.data) })
    return sink
  })

/**
 * A picture in red, green, blue and opacity, a byte each.
 *
 * @category converting
 */
export const toRgba = ({ data, height, width }: VideoPicture): Uint8Array => {
  const rgba = { width, height, data: new Uint8Array(width * height * 4) }
  wrtc.nonstandard.i420ToRgba({ width, height, data }, rgba)
  return rgba.data
}
