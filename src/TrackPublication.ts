/**
 * A track of ours that is published, and how it is asked for.
 */
import {
  AddTrackRequest,
  type AudioTrackFeature,
  SimulcastCodec,
  type TrackInfo,
  TrackSource,
  TrackType
} from "@livekit/protocol"
import type * as Effect from "effect/Effect"
import type { EngineError } from "./EngineError.ts"
import type { Encoding, MediaTrack, RtcSender, TransceiverInit } from "./RtcMedia.ts"
import type { TrackBitrateInfo } from "./SdpMunging.ts"
import type { StatsReport } from "./Stats.ts"
import * as VideoEncoding from "./VideoEncoding.ts"

/**
 * What the audio and video of a publication have in common.
 *
 * @category models
 */
interface CommonOptions {
  /** Default: the kind. */
  readonly name?: string | undefined
  /** Default: microphone, or camera. */
  readonly source?: TrackSource | undefined
  /** Tracks of one stream are played in sync; such names are for this participant only. */
  readonly stream?: string | undefined
  /** Published muted. Default false. */
  readonly muted?: boolean | undefined
  /** As `vp8`, `h264`, `vp9`, `av1`, `opus`. Default: what the server prefers of what the runtime has. */
  readonly codec?: string | undefined
  /** Whether it is published again after a full reconnect. Default true. */
  readonly republish?: boolean | undefined
  /**
   * Whether publishing begins again, once, when the connection is lost before it was done; else it fails with
   * `PublishAborted`. Default true.
   */
  readonly retry?: boolean | undefined
}

/**
 * How a track is published.
 *
 * @category models
 */
export interface PublishOptions extends CommonOptions {
  /** Needed of a video track. */
  readonly video?: VideoEncoding.VideoOptions | undefined
  readonly audio?:
    | {
        /** Default false. */
        readonly stereo?: boolean | undefined
        /** Sends little while it is silent. Default true. */
        readonly dtx?: boolean | undefined
        /** Redundant encoding, where the runtime and the server have it. Default true. */
        readonly red?: boolean | undefined
        /** Bits per second. Default: the server's choice. */
        readonly maxBitrate?: number | undefined
        readonly features?: ReadonlyArray<AudioTrackFeature> | undefined
      }
    | undefined
}

/**
 * A published track. It is unpublished when the scope closes in which it was published.
 *
 * @category models
 */
export interface TrackPublication {
  /** The client id: the track's own. */
  readonly cid: string
  readonly track: MediaTrack
  /**
   * As the server published it, and what sends it. A full reconnect gives it another sid and sender.
   *
   * @throws EngineError `UnknownTrack` while it is not published: during a full reconnect, or when it could not be published
   * again
   */
  readonly current: Effect.Effect<{ readonly info: TrackInfo; readonly sender: RtcSender }, EngineError>
  /** Tells the server, and sends silence or black meanwhile. Survives reconnects. */
  readonly setMuted: (muted: boolean) => Effect.Effect<void, EngineError>
  readonly stats: Effect.Effect<StatsReport>
}

/**
 * The request for a track.
 *
 * @category constructors
 */
export const addTrackRequest = (
  track: Pick<MediaTrack, "id" | "kind">,
  options: PublishOptions,
  muted: boolean
): AddTrackRequest => {
  const isAudio = track.kind === "audio"
  const { audio = {}, codec, name = track.kind, stream, video } = options
  const layers = video === undefined ? [] : VideoEncoding.layers(video, encodingsOf(options))
  return new AddTrackRequest({
    cid: track.id,
    name,
    type: isAudio ? TrackType.AUDIO : TrackType.VIDEO,
    source: options.source ?? (isAudio ? TrackSource.MICROPHONE : TrackSource.CAMERA),
    muted,
    ...(stream === undefined ? {} : { stream }),
    ...(codec === undefined || isAudio
      ? {}
      : { simulcastCodecs: [new SimulcastCodec({ codec, cid: track.id, layers })] }),
    ...(isAudio
      ? {
          stereo: audio.stereo ?? false,
          disableDtx: audio.dtx === false,
          disableRed: audio.red === false,
          audioFeatures: [...(audio.features ?? [])]
        }
      : { width: video?.width ?? 0, height: video?.height ?? 0, layers })
  })
}

const encodingsOf = ({ video }: PublishOptions): ReadonlyArray<Encoding> =>
  video === undefined ? [] : VideoEncoding.encodings(video)

/**
 * How the transceiver of a track is made.
 *
 * @category constructors
 */
export const transceiverInit = (options: PublishOptions, canSimulcast: boolean): TransceiverInit => {
  const encodings = encodingsOf(options)
  const { rid: _, ...largest } = encodings.at(-1) ?? {}
  const { maxBitrate } = options.audio ?? {}
  return {
    direction: "sendonly",
    encodings:
      encodings.length > 1 && !canSimulcast
        ? [largest]
        : encodings.length === 0 && maxBitrate !== undefined
          ? [{ maxBitrate }]
          : encodings
  }
}

/**
 * What session descriptions are to say of a track; `undefined` when nothing.
 *
 * @category constructors
 */
export const bitrateInfo = (track: Pick<MediaTrack, "kind">, options: PublishOptions): TrackBitrateInfo | undefined => {
  if (track.kind === "audio") {
    const { dtx = true, maxBitrate, stereo } = options.audio ?? {}
    return {
      codec: "opus",
      dtx,
      ...(stereo === undefined ? {} : { stereo }),
      ...(maxBitrate === undefined ? {} : { maxBitrate: Math.round(maxBitrate / 1000) })
    }
  }
  const total = encodingsOf(options).reduce((sum, { maxBitrate = 0 }) => sum + maxBitrate, 0)
  return total === 0 ? undefined : { codec: options.codec ?? "vp8", maxBitrate: Math.round(total / 1000) }
}
