/**
 * The media part of the seam to the WebRTC runtime: tracks, and the transceivers that carry them.
 */
import * as Effect from "effect/Effect"
import { PeerConnectionError, Unsupported } from "./PeerConnectionError.ts"
import type { StatsReport } from "./Stats.ts"

/**
 * A track of the runtime, handed through as it is: a `MediaStreamTrack` in browsers and with `@roamhq/wrtc`, an `RtpTrack` with
 * node-datachannel.
 *
 * @category models
 */
export interface MediaTrack {
  readonly id: string
  /** `audio` or `video`. */
  readonly kind: string
  /** False has nothing of the track sent but silence or black. Set when a publication is muted. */
  enabled: boolean
}

/**
 * The two kinds of media.
 *
 * @category models
 */
export type MediaKind = "audio" | "video"

/**
 * As `RTCRtpTransceiverDirection`.
 *
 * @category models
 */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive"

/**
 * One encoding of a video track; several of them are simulcast (RFC 8853).
 *
 * @category models
 */
export interface Encoding {
  /** `q`, `h`, `f`, from the smallest to the largest, as LiveKit names them. Absent where there is one. */
  readonly rid?: string | undefined
  /** Bits per second. */
  readonly maxBitrate?: number | undefined
  readonly maxFramerate?: number | undefined
  /** 1 is the size of the track. */
  readonly scaleResolutionDownBy?: number | undefined
  readonly active?: boolean | undefined
}

/**
 * As `RTCRtpTransceiverInit`, as far as it is used.
 *
 * @category models
 */
export interface TransceiverInit {
  readonly direction: Direction
  readonly encodings?: ReadonlyArray<Encoding> | undefined
  /** What offers call the track, and servers know it by. Default: its id. */
  readonly name?: string | undefined
}

/**
 * As `RTCRtpSender`, as far as it is used.
 *
 * @category models
 */
export interface RtcSender {
  readonly track: () => MediaTrack | null
  /** Sends another track of the same kind from now on, without negotiation; `null` sends nothing. */
  readonly replaceTrack: (track: MediaTrack | null) => Effect.Effect<void, PeerConnectionError>
  readonly stats: Effect.Effect<StatsReport>
}

/**
 * As `RTCRtpReceiver`, as far as it is used.
 *
 * @category models
 */
export interface RtcReceiver {
  readonly track: MediaTrack
  /**
   * Encodings that come side by side at present, where a runtime takes several of one track and hands them out as they are, which
   * is for servers; from the smallest to the largest. The track itself is then empty.
   */
  readonly layers?: (() => ReadonlyArray<{ readonly rid: string; readonly track: MediaTrack }>) | undefined
  readonly stats: Effect.Effect<StatsReport>
}

/**
 * As `RTCRtpTransceiver`, as far as it is used.
 *
 * @category models
 */
export interface RtcTransceiver {
  /** The section of the description that it belongs to, once negotiated. */
  readonly mid: () => string | null
  readonly kind: MediaKind
  /** Effective with the next description. */
  readonly setDirection: (direction: Direction) => Effect.Effect<void, PeerConnectionError>
  readonly sender: RtcSender
  readonly receiver: RtcReceiver
}

/**
 * A track that the far end sends.
 *
 * @category models
 */
export interface RtcTrackEvent {
  readonly track: MediaTrack
  readonly receiver: RtcReceiver
  readonly mid: string | null
}

/**
 * What a peer connection does with media.
 *
 * @category models
 */
export interface RtcMedia {
  /** Sends a track, or prepares to receive one of a kind. Effective with the next offer. */
  readonly addTransceiver: (
    track: MediaTrack | MediaKind,
    init: TransceiverInit
  ) => Effect.Effect<RtcTransceiver, PeerConnectionError>
  /** Removes every sender of this track, or that was made under its id (S63); how many there were. Effective with the next offer. */
  readonly removeTrack: (trackId: string) => Effect.Effect<number, PeerConnectionError>
  /** In the order of their sections, those of the far end's offers too. */
  readonly transceivers: () => ReadonlyArray<RtcTransceiver>
  /** Empty where the runtime has no statistics. */
  readonly stats: Effect.Effect<StatsReport>
}

/**
 * A peer connection of a runtime without media.
 *
 * @category constants
 */
export const none: RtcMedia = {
  addTransceiver: () => Effect.fail(new PeerConnectionError({ reason: new Unsupported({ capability: "media" }) })),
  removeTrack: () => Effect.succeed(0),
  transceivers: () => [],
  stats: Effect.succeed([])
}
