/**
 * The engine's operations on tracks, and what it does about them when a connection is back.
 */
import {
  MuteTrackRequest,
  ParticipantTracks,
  SubscriptionPermission,
  UpdateLocalAudioTrack,
  UpdateSubscription,
  UpdateTrackSettings,
  VideoQuality
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as PubSub from "effect/PubSub"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import type { EngineError } from "../EngineError.ts"
import { EngineError as Failure, from } from "../EngineError.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import type { SignalRequest } from "../SignalRequest.ts"
import type { StatsReport } from "../Stats.ts"
import type { TrackOperations } from "../Tracks.ts"
import type { Publications } from "./Publications.ts"
import type { Session } from "./Session.ts"
import type { Subscriptions } from "./Subscriptions.ts"

export interface TrackOperationsOptions {
  readonly session: Ref.Ref<Option.Option<Session>>
  readonly publications: Publications
  readonly subscriptions: Subscriptions
  readonly sendRequest: (request: SignalRequest) => Effect.Effect<void, EngineError>
}

export const make = (options: TrackOperationsOptions): TrackOperations => {
  const { publications, sendRequest, session, subscriptions } = options
  const none: StatsReport = []
  const inSession = <A, E>(use: (session: Session) => Effect.Effect<A, E>) =>
    Effect.flatMap(Ref.get(session), (current) =>
      Option.isNone(current) ? Effect.succeedNone : Effect.asSome(use(current.value))
    )
  const stats = (of: (session: Session) => PeerConnectionTransport) =>
    Effect.map(
      inSession((current) => of(current).media.stats),
      Option.getOrElse(() => none)
    )

  return {
    publishTrack: (track, publish = {}) =>
      publications
        .publish(track, publish)
        .pipe(Effect.withSpan("RTCEngine.publishTrack", { attributes: { "livekit.track.kind": track.kind } })),
    addTrack: (request, { retry = false } = {}) =>
      publications
        .withRetry(retry, ({ media }) => Effect.mapError(media.addTrack(request), (reason) => new Failure({ reason })))
        .pipe(
          Effect.tap(({ sid }) => Effect.annotateCurrentSpan({ "livekit.track.sid": sid })),
          Effect.withSpan("RTCEngine.addTrack")
        ),
    createSenderTransceiver: (track, init = { direction: "sendonly" }) =>
      inSession(({ media }) =>
        Effect.tap(Effect.mapError(media.publisher.media.addTransceiver(track, init), from), media.negotiateSoon)
      ),
    removeTrack: (trackId) =>
      inSession(({ media }) => {
        media.forget(trackId)
        return Effect.flatMap(Effect.mapError(media.publisher.media.removeTrack(trackId), from), (removed) =>
          removed > 0 ? media.negotiateSoon : Effect.void
        )
      }).pipe(Effect.asVoid),
    registerTrackBitrateInfo: (cid, info) =>
      Effect.asVoid(inSession(({ media }) => media.publisher.registerTrackBitrateInfo(cid, info))),
    updateMuteStatus: (sid, muted) =>
      inSession(({ media }) => Effect.sync(() => media.setMuted(sid, muted))).pipe(
        Effect.andThen(sendRequest({ case: "mute", value: new MuteTrackRequest({ sid, muted }) }))
      ),
    updateLocalAudioTrack: (trackSid, features) =>
      sendRequest({
        case: "updateAudioTrack",
        value: new UpdateLocalAudioTrack({ trackSid, features: [...features] })
      }),
    updateSubscription: (tracks, subscribe) =>
      Effect.suspend(() => {
        const trackSids = tracks.flatMap(({ sids }) => sids)
        const participantTracks = tracks.flatMap(({ participantSid, sids }) =>
          participantSid === undefined ? [] : [new ParticipantTracks({ participantSid, trackSids: [...sids] })]
        )
        const value = new UpdateSubscription({ trackSids, participantTracks, subscribe })
        // Remembered once it is a request: what cannot be one would be repeated for ever.
        return Effect.tap(sendRequest({ case: "subscription", value }), () =>
          Effect.sync(() => subscriptions.choose(trackSids, subscribe))
        )
      }),
    updateTrackSettings: (sids, { dimensions, disabled = false, fps = 0, quality = VideoQuality.HIGH }) =>
      Effect.suspend(() => {
        const value = new UpdateTrackSettings({
          trackSids: [...sids],
          disabled,
          fps,
          ...(dimensions ?? { quality })
        })
        return Effect.tap(sendRequest({ case: "trackSetting", value }), () =>
          Effect.sync(() => subscriptions.set(value))
        )
      }),
    updateSubscriptionPermissions: (allParticipants, permissions) =>
      sendRequest({
        case: "subscriptionPermission",
        value: new SubscriptionPermission({ allParticipants, trackPermissions: [...permissions] })
      }),
    remoteTracks: Effect.map(
      inSession(({ media }) => Effect.sync(() => media.remote.current())),
      Option.getOrElse(() => [])
    ),
    publishedTracks: Effect.map(
      inSession(({ media }) => Effect.sync(() => media.published().flatMap(({ track }) => track ?? []))),
      Option.getOrElse(() => [])
    ),
    publisherStats: stats(({ media }) => media.publisher),
    subscriberStats: stats(({ media }) => media.subscriber ?? media.publisher),
    statsGetter: ({ stats }) => stats
  }
}

/** What is done about tracks when something happens to the connection; runs for as long as the engine lives. */
export const follow = (
  events: PubSub.Subscription<EngineEvent>,
  { publications, sendRequest, session, subscriptions }: TrackOperationsOptions
) => {
  const repeat = (isFullReconnect: boolean) =>
    Effect.gen(function* () {
      const current = yield* Ref.get(session)
      if (Option.isNone(current)) return
      const { autoSubscribe } = current.value
      for (const request of subscriptions.repeat({ isFullReconnect, autoSubscribe })) yield* sendRequest(request)
    }).pipe(Effect.catch((error) => Effect.logDebug("the connection was lost again", error.message)))
  const react = (event: EngineEvent) => {
    switch (event._tag) {
      case "PostReconnect":
        // Publishing takes its time, and what happens meanwhile is for others.
        return event.isFullReconnect
          ? Effect.andThen(repeat(true), Effect.forkScoped(publications.republish))
          : Effect.andThen(repeat(false), publications.repeatMuted)
      case "RemoteMuteChanged":
        return publications.muted(event.update.sid, event.update.muted)
      case "LocalTrackUnpublished":
        return publications.unpublished(event.response.trackSid)
      case "Joined":
        return Effect.sync(() => subscriptions.learn(event.response.otherParticipants))
      case "ParticipantsUpdated":
        return Effect.sync(() => subscriptions.learn(event.participants))
      default:
        return Effect.void
    }
  }
  return Stream.runForEach(Stream.fromSubscription(events), react)
}

/** For engines that do nothing. */
export const noop: TrackOperations = {
  publishTrack: () => Effect.never,
  addTrack: () => Effect.never,
  createSenderTransceiver: () => Effect.succeedNone,
  removeTrack: () => Effect.void,
  registerTrackBitrateInfo: () => Effect.void,
  updateMuteStatus: () => Effect.void,
  updateLocalAudioTrack: () => Effect.void,
  updateSubscription: () => Effect.void,
  updateTrackSettings: () => Effect.void,
  updateSubscriptionPermissions: () => Effect.void,
  remoteTracks: Effect.succeed([]),
  publishedTracks: Effect.succeed([]),
  publisherStats: Effect.succeed([]),
  subscriberStats: Effect.succeed([]),
  statsGetter: () => Effect.succeed([])
}
