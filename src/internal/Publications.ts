/**
 * The published tracks of an engine. They outlive sessions: after a full reconnect each is published again.
 */
import { MuteTrackRequest, type TrackInfo } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionState } from "../ConnectionState.ts"
import { closeOnFailure } from "./closeOnFailure.ts"
import { EngineError, type EngineErrorReason, NotConnected } from "../EngineError.ts"
import { Unsupported } from "../PeerConnectionError.ts"
import type { Capabilities } from "../PeerConnectionFactory.ts"
import type { MediaTrack, RtcTransceiver } from "../RtcMedia.ts"
import * as Sdp from "../Sdp.ts"
import { CodecRefused, DuplicateTrack, PublishAborted, UnknownTrack } from "../TrackError.ts"
import * as TrackPublication from "../TrackPublication.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import type { Session } from "./Session.ts"

interface Established {
  readonly session: Session
  readonly info: TrackInfo
  readonly transceiver: RtcTransceiver
}

interface Entry {
  readonly track: MediaTrack
  /** What a session begins to send: the track, or the last that took over from it. */
  readonly sent: Ref.Ref<MediaTrack>
  readonly options: TrackPublication.PublishOptions
  readonly established: Ref.Ref<Option.Option<Established>>
  readonly muted: Ref.Ref<boolean>
  /** Publishing goes on; one attempt at a time. */
  readonly turn: Semaphore.Semaphore
}

export interface Publications {
  readonly publish: (
    track: MediaTrack,
    options: TrackPublication.PublishOptions
  ) => Effect.Effect<TrackPublication.TrackPublication, EngineError, Scope.Scope>
  /** Runs an attempt in the current session; again, once, in the next one if it was lost meanwhile. */
  readonly withRetry: <A>(
    retry: boolean,
    attempt: (session: Session) => Effect.Effect<A, EngineError>
  ) => Effect.Effect<A, EngineError>
  /** Publishes again what the session before had. */
  readonly republish: Effect.Effect<void>
  /** The connection has ended, and with it all that was published on it. */
  readonly clear: () => void
  /** The server, or somebody through it, has muted a track of ours. */
  readonly muted: (sid: string, muted: boolean) => Effect.Effect<void>
  /** The server has ended the publication of a track, as when the permission for it was taken. */
  readonly unpublished: (sid: string) => Effect.Effect<void>
  /** Tells the server again which tracks are muted: the word may have been lost with the signal connection. */
  readonly repeatMuted: Effect.Effect<void>
}

export const make = (options: {
  readonly capabilities: Capabilities
  readonly session: Ref.Ref<Option.Option<Session>>
  readonly state: SubscriptionRef.SubscriptionRef<ConnectionState>
  readonly emit: (event: EngineEvent) => void
}): Publications => {
  const { capabilities, emit, session } = options
  const entries = new Map<string, Entry>()
  const isKept = (entry: Entry) => entries.get(entry.track.id) === entry

  const notConnected = Effect.fail(new EngineError({ reason: new NotConnected({ operation: "publishing" }) }))
  const currentSession = Effect.flatMap(Ref.get(session), (current) =>
    Option.isSome(current) ? Effect.succeed(current.value) : notConnected
  )
  /** Waits while the engine is reconnecting. */
  const connected: Effect.Effect<Session, EngineError> = SubscriptionRef.changes(options.state).pipe(
    Stream.filter((state) => state === "Connected" || state === "Disconnected"),
    Stream.runHead,
    Effect.andThen(currentSession)
  )
  const withRetry: Publications["withRetry"] = (retry, attempt) =>
    connected.pipe(
      Effect.flatMap(attempt),
      Effect.catchIf(isUnsent, () => withRetry(retry, attempt)),
      Effect.catchIf(
        (error) => retry && isLoss(error),
        () => withRetry(false, attempt)
      )
    )

  const removeSender = ({ media }: Session, trackId: string, isOffered: boolean) =>
    Effect.gen(function* () {
      media.forget(trackId)
      if ((yield* media.publisher.media.removeTrack(trackId)) > 0 && isOffered) yield* media.negotiateSoon
    }).pipe(
      // A peer connection that is gone has no senders.
      Effect.catch((error) => Effect.logDebug("a track was not removed", error.message))
    )

  const tellMuted = ({ info: { sid }, session }: Established, muted: boolean) =>
    Effect.suspend(() => {
      session.media.setMuted(sid, muted)
      return Effect.mapError(
        session.requests.send({ case: "mute", value: new MuteTrackRequest({ sid, muted }) }),
        ({ reason }) => new EngineError({ reason })
      )
    })

  const establish = Effect.fn("RTCEngine.establishTrack")(function* (entry: Entry, session: Session) {
    const { media } = session
    const { track } = entry
    const { publisher } = media
    const sent = yield* Ref.get(entry.sent)
    const wrap = ({ reason }: { readonly reason: EngineErrorReason }) => new EngineError({ reason })
    const bitrate = TrackPublication.bitrateInfo(track, entry.options)
    if (bitrate !== undefined) yield* publisher.registerTrackBitrateInfo(track.id, bitrate)
    // Before the server is asked: a track that the runtime refuses is published to nobody.
    const init = TrackPublication.transceiverInit(entry.options, capabilities.simulcast)
    const transceiver = yield* Effect.mapError(publisher.media.addTransceiver(sent, { ...init, name: track.id }), wrap)
    const muted = yield* Ref.get(entry.muted)
    const request = TrackPublication.addTrackRequest(track, entry.options, muted)
    const info = yield* media.addTrack(request).pipe(
      Effect.mapError((reason) => wrap({ reason })),
      // The offer of another track may have carried it.
      Effect.onError(() => removeSender(session, track.id, transceiver.mid() !== null))
    )
    yield* Effect.annotateCurrentSpan({ "livekit.track.kind": track.kind, "livekit.track.sid": info.sid })
    const established = { session, info, transceiver }
    yield* Ref.set(entry.established, Option.some(established))
    const isMuted = yield* Ref.get(entry.muted)
    if (isMuted !== muted) yield* tellMuted(established, isMuted)
    yield* Effect.mapError(media.negotiate, wrap)
    yield* checkAnswer(session, track.id, transceiver)
    // The server has ended it already, and if it is asked again it says why.
    if (!media.published().some((published) => published.track?.sid === info.sid)) {
      return yield* wrap({ reason: new PublishAborted({ cid: track.id, wasSent: true }) })
    }
    return info
  })

  const forget = (entry: Entry) =>
    Effect.gen(function* () {
      const established = yield* Ref.getAndSet(entry.established, Option.none())
      if (Option.isSome(established)) yield* removeSender(established.value.session, entry.track.id, true)
    })

  const unpublish = (entry: Entry) =>
    Effect.suspend(() => {
      // The track may have been published anew since.
      if (isKept(entry)) entries.delete(entry.track.id)
      return forget(entry)
    })

  const publication = (entry: Entry): TrackPublication.TrackPublication => {
    const current = Effect.flatMap(Ref.get(entry.established), (established) =>
      Option.isSome(established) && isKept(entry)
        ? Effect.succeed(established.value)
        : Effect.fail(unknown(entry.track.id))
    )
    return {
      cid: entry.track.id,
      track: entry.track,
      current: Effect.map(current, ({ info, transceiver }) => ({ info, sender: transceiver.sender })),
      setMuted: Effect.fnUntraced(function* (muted) {
        if (!isKept(entry)) return yield* unknown(entry.track.id)
        yield* setMuted(entry, muted)
        const established = yield* Ref.get(entry.established)
        // While it is published again the server hears of it with that.
        if (Option.isSome(established)) yield* tellMuted(established.value, muted)
      }),
      stats: Effect.flatMap(Ref.get(entry.established), (established) =>
        Option.isSome(established) ? established.value.transceiver.sender.stats : Effect.succeed([])
      )
    }
  }

  /** The publication under this sid, if there is one. */
  const withSid = (sid: string, use: (entry: Entry) => Effect.Effect<void>) =>
    Effect.forEach(
      [...entries.values()],
      (entry) =>
        Effect.flatMap(Ref.get(entry.established), (established) =>
          Option.isSome(established) && established.value.info.sid === sid ? use(entry) : Effect.void
        ),
      { discard: true }
    )

  const republishOne = Effect.fnUntraced(function* (entry: Entry) {
    const before = yield* Ref.get(entry.established)
    const now = yield* currentSession
    if (Option.isNone(before) || before.value.session === now) return
    yield* Ref.set(entry.sent, senderTrack(before.value) ?? entry.track)
    yield* Ref.set(entry.established, Option.none())
    if (entry.options.republish === false) return void entries.delete(entry.track.id)
    const info = yield* withRetry(true, (session) => establish(entry, session)).pipe(
      // Lost again: the reconnect after this one publishes it.
      Effect.tapError((error) => (isLoss(error) ? Ref.set(entry.established, before) : Effect.void))
    )
    // Unpublished meanwhile.
    if (!isKept(entry)) return yield* forget(entry)
    emit({ _tag: "LocalTrackRepublished", cid: entry.track.id, track: info })
  })

  return {
    withRetry,
    publish: Effect.fnUntraced(function* (track, publishOptions) {
      if (capabilities.media === "none") {
        return yield* new EngineError({ reason: new Unsupported({ capability: "media" }) })
      }
      const entry: Entry = {
        track,
        options: publishOptions,
        sent: yield* Ref.make(track),
        established: yield* Ref.make(Option.none<Established>()),
        muted: yield* Ref.make(publishOptions.muted ?? false),
        turn: yield* Semaphore.make(1)
      }
      yield* Effect.acquireRelease(
        Effect.suspend(() => {
          // Found and registered in one step.
          if (entries.has(track.id)) {
            return Effect.fail(new EngineError({ reason: new DuplicateTrack({ cid: track.id }) }))
          }
          entries.set(track.id, entry)
          return Effect.void
        }),
        () => unpublish(entry)
      )
      yield* setMuted(entry, publishOptions.muted ?? false)
      yield* entry.turn.withPermit(withRetry(publishOptions.retry ?? true, (session) => establish(entry, session)))
      return publication(entry)
    }, closeOnFailure),
    republish: Effect.suspend(() =>
      Effect.forEach(
        [...entries.values()],
        (entry) =>
          Effect.catch(entry.turn.withPermit(republishOne(entry)), (error) =>
            Effect.sync(() => {
              // Lost again, or over: the track may have been published anew since.
              if (isLoss(error) || !isKept(entry)) return
              entries.delete(entry.track.id)
              emit({ _tag: "RepublishFailed", cid: entry.track.id, error })
            })
          ),
        { discard: true, concurrency: "unbounded" }
      )
    ),
    clear: () => entries.clear(),
    muted: (sid, muted) => withSid(sid, (entry) => setMuted(entry, muted)),
    unpublished: (sid) => withSid(sid, unpublish),
    repeatMuted: Effect.suspend(() =>
      Effect.forEach(
        [...entries.values()],
        (entry) =>
          Effect.gen(function* () {
            const established = yield* Ref.get(entry.established)
            if (Option.isSome(established) && (yield* Ref.get(entry.muted))) yield* tellMuted(established.value, true)
          }).pipe(Effect.ignore),
        { discard: true }
      )
    )
  }
}

const unknown = (id: string) => new EngineError({ reason: new UnknownTrack({ id }) })

/** The connection went, and not the request was wrong. */
const isLoss = ({ reason }: EngineError) => reason._tag === "PublishAborted" || reason._tag === "Closed"

const senderTrack = ({ transceiver }: Established) => transceiver.sender.track()

const setMuted = Effect.fnUntraced(function* (entry: Entry, muted: boolean) {
  yield* Ref.set(entry.muted, muted)
  const sent = Option.flatMapNullishOr(yield* Ref.get(entry.established), senderTrack)
  const track = Option.isSome(sent) ? sent.value : yield* Ref.get(entry.sent)
  track.enabled = !muted
})

/** The server knows nothing of it, so that it is no second attempt. */
const isUnsent = ({ reason }: EngineError) => reason._tag === "PublishAborted" && !reason.wasSent

/** A section that the server rejects, or in which it does not want to receive, carries nothing. */
const checkAnswer = ({ media: { publisher } }: Session, cid: string, transceiver: RtcTransceiver) => {
  // A rejected one is taken from its transceiver.
  const mid = transceiver.mid()
  const answered = Sdp.sections(publisher.remoteDescription()?.sdp ?? "").find((section) => section.mid === mid)
  if (mid !== null && (answered === undefined || Sdp.isReceiving(answered))) return Effect.void
  const own = Sdp.sections(publisher.localDescription()?.sdp ?? "").find(({ trackId }) => trackId === cid)
  return Effect.fail(new EngineError({ reason: new CodecRefused({ cid, offered: own?.codecs ?? [] }) }))
}
