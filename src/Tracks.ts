/**
 * What an engine does with tracks.
 */
import type { AddTrackRequest, AudioTrackFeature, TrackInfo, TrackPermission, VideoQuality } from "@livekit/protocol"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { EngineError } from "./EngineError.ts"
import type { RemoteTrack } from "./RemoteTrack.ts"
import type { MediaTrack, RtcReceiver, RtcSender, RtcTransceiver, TransceiverInit } from "./RtcMedia.ts"
import type { TrackBitrateInfo } from "./SdpMunging.ts"
import type { StatsGetter } from "./Stats.ts"
import type { PublishOptions, TrackPublication } from "./TrackPublication.ts"

/**
 * What is wanted of a subscribed video. Without a size and a quality it is the best.
 *
 * @category models
 */
export interface TrackSettings {
  /** Nothing is sent for the time being. Default false. */
  readonly disabled?: boolean | undefined
  /** Pixels in which it is shown; goes before `quality` (SC28). */
  readonly dimensions?: { readonly width: number; readonly height: number } | undefined
  readonly quality?: VideoQuality | undefined
  /** Frames per second; 0, the default, is all. */
  readonly fps?: number | undefined
}

/**
 * Which tracks of a participant. With its sid the server is told so too (SC29).
 *
 * @category models
 */
export interface TrackSelection {
  readonly sids: ReadonlyArray<string>
  readonly participantSid?: string | undefined
}

/**
 * Publishing and subscribing.
 *
 * @category models
 */
export interface TrackOperations {
  /**
   * Publishes a track: asks the server, sends the media, and waits until that is negotiated. It is unpublished when the scope
   * closes, and published again after a full reconnect unless `republish` says otherwise.
   *
   * @example
   * ```ts
   * import type { RtcMedia, RTCEngine } from "effect-livekit"
   * import { Effect } from "effect"
   *
   * const publish = (engine: RTCEngine.Engine, camera: RtcMedia.MediaTrack) =>
   *   Effect.gen(function* () {
   *     const publication = yield* engine.publishTrack(camera, { video: { width: 1280, height: 720, simulcast: true } })
   *     yield* publication.setMuted(true)
   *     return (yield* publication.current).info.sid
   *   })
   * ```
   *
   * @throws EngineError `NotConnected`, `Unsupported` (a runtime without media), `DuplicateTrack`, `PublishRefused`,
   * `PublishTimeout`, `PublishAborted`, `CodecRefused`, `MediaFailed`, or the reason of a negotiation that failed
   */
  readonly publishTrack: (
    track: MediaTrack,
    options?: PublishOptions
  ) => Effect.Effect<TrackPublication, EngineError, Scope.Scope>
  /**
   * Asks the server for a track and waits for its word, without media (S53-S60). A request that is made while the signal
   * connection is away waits for it.
   *
   * @throws EngineError `NotConnected`, `DuplicateTrack`, `PublishRefused`, `PublishTimeout`, `PublishAborted`
   */
  readonly addTrack: (
    request: AddTrackRequest,
    /** `retry`: begin again, once, when the connection is lost meanwhile. Default false. */
    options?: { readonly retry?: boolean | undefined }
  ) => Effect.Effect<TrackInfo, EngineError>
  /** Adds a sender to the publisher and negotiates in the background; none without a session (S61). */
  readonly createSenderTransceiver: (
    track: MediaTrack,
    init?: TransceiverInit
  ) => Effect.Effect<Option.Option<RtcTransceiver>, EngineError>
  /** Removes every sender of a track from the publisher and negotiates in the background (S63). */
  readonly removeTrack: (trackId: string) => Effect.Effect<void, EngineError>
  /** What offers say of a track from now on (S64, PT11). Dropped without a session. */
  readonly registerTrackBitrateInfo: (cid: string, info: TrackBitrateInfo) => Effect.Effect<void>
  /** Tells the server that a track of ours is muted (S62). */
  readonly updateMuteStatus: (sid: string, muted: boolean) => Effect.Effect<void, EngineError>
  readonly updateLocalAudioTrack: (
    sid: string,
    features: ReadonlyArray<AudioTrackFeature>
  ) => Effect.Effect<void, EngineError>
  /** Subscribes to tracks of others, or unsubscribes. Kept over every kind of reconnect. */
  readonly updateSubscription: (
    tracks: ReadonlyArray<TrackSelection>,
    subscribe: boolean
  ) => Effect.Effect<void, EngineError>
  /** Kept over every kind of reconnect. */
  readonly updateTrackSettings: (
    sids: ReadonlyArray<string>,
    settings: TrackSettings
  ) => Effect.Effect<void, EngineError>
  /** Who may subscribe to our tracks; everybody by default. */
  readonly updateSubscriptionPermissions: (
    allParticipants: boolean,
    permissions: ReadonlyArray<TrackPermission>
  ) => Effect.Effect<void, EngineError>
  /** Tracks of others that are received now. */
  readonly remoteTracks: Effect.Effect<ReadonlyArray<RemoteTrack>>
  /** Tracks that the server has published for us. */
  readonly publishedTracks: Effect.Effect<ReadonlyArray<TrackInfo>>
  /** Statistics of the publisher; empty without one (S155). */
  readonly publisherStats: StatsGetter
  /** Statistics of the subscriber, which with one peer connection is the publisher; empty without one. */
  readonly subscriberStats: StatsGetter
  /** A getter for one sender or receiver of the peer connection in use now (S156). */
  readonly statsGetter: (of: RtcSender | RtcReceiver) => StatsGetter
}
