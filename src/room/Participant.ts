/**
 * One participant session at the server. Everything that happens to it comes through one queue and is handled one after the
 * other; only data packets take the short way.
 */
import {
  type AddTrackRequest,
  DisconnectReason,
  type LeaveRequest,
  type ParticipantInfo,
  ParticipantInfo_State,
  type SubscriptionPermission,
  type VideoQuality
} from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Kind } from "../DataChannel.ts"
import * as trickle from "../internal/trickle.ts"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import type { StatsReport } from "../Stats.ts"
import type { Claims } from "./Claims.ts"
import type { ForwardedTrack } from "./Downlink.ts"
import { leaveRequest, resumeRequest } from "./leaveRequest.ts"
import * as MediaPath from "./MediaPath.ts"
import * as Publishing from "./Publishing.ts"
import * as SignalFormat from "./SignalFormat.ts"
import * as SignalLink from "./SignalLink.ts"
import type { Frame, SignalSocket } from "./SignalSocket.ts"
import { armedFor, type ResumeTrouble } from "./Simulation.ts"
import * as signalRequests from "./signalRequests.ts"
import * as Subscriptions from "./Subscriptions.ts"
import * as Transports from "./Transports.ts"
import type * as Uplink from "./Uplink.ts"

/** What can happen to a participant. */
type Happening =
  | { readonly _tag: "Frame"; readonly frame: Frame; readonly socket: SignalSocket }
  | { readonly _tag: "SignalLost"; readonly socket: SignalSocket }
  /** Its time has come. */
  | { readonly _tag: "Due"; readonly what: Effect.Effect<void> }
  | { readonly _tag: "TracksForwarded"; readonly tracks: ReadonlyArray<ForwardedTrack> }
  | Transports.TransportEvent

export interface ParticipantOptions {
  readonly info: ParticipantInfo
  readonly claims: Claims
  readonly protocol: number
  readonly isSingle: boolean
  readonly isSubscriberPrimary: boolean
  readonly autoSubscribe: boolean
  readonly trackSid: Effect.Effect<string>
  /** A data packet of this participant. */
  readonly onData: (kind: Kind, bytes: Uint8Array) => void
  /** Everybody is to hear of a change, by and by. */
  readonly onChange: Effect.Effect<void>
  /** Everybody is to hear at once of a change that it made to what its token says, and it gets another token. */
  readonly onOwnChange: Effect.Effect<void>
  /** Who receives which track is to be looked at again. */
  readonly onTracks: Effect.Effect<void>
  /** Whether media gets through. */
  readonly onQuality: (isConnected: boolean) => void
  /** The session has ended; called once. */
  readonly onEnd: (reason: DisconnectReason) => Effect.Effect<void>
}

export type Goodbye = "disconnect" | "reconnect" | "told" | "silently"

export interface Participant {
  readonly info: ParticipantInfo
  readonly claims: Claims
  readonly protocol: number
  readonly signal: SignalLink.SignalLink
  readonly sendData: (kind: Kind, bytes: Uint8Array) => void
  readonly closeChannel: (kind: Kind) => void
  /** What it publishes. */
  readonly tracks: () => ReadonlyArray<Uplink.PublishedTrack>
  readonly chooser: Subscriptions.Chooser
  /** Whether it lets somebody receive a track. */
  readonly permits: (who: ParticipantInfo, trackSid: string) => boolean
  /** Sends these tracks to it from now on, and no others. */
  readonly forward: (tracks: ReadonlyArray<ForwardedTrack>) => void
  /** Tells it which quality of a track of its own is received at most, and once, that somebody receives it at all. */
  readonly subscribed: (track: Uplink.PublishedTrack, highest: VideoQuality | undefined) => void
  /** Of all its peer connections. */
  readonly stats: Effect.Effect<StatsReport>
  /** When the last frame of the client was read, in milliseconds (Q2). */
  readonly lastHeardAt: () => number
  /** Publishes and negotiates after the join response was sent (J10). */
  readonly start: (options: {
    readonly publisherOffer: { readonly sdp: string; readonly id: number } | undefined
    readonly addTracks: ReadonlyArray<AddTrackRequest>
  }) => Effect.Effect<void>
  /** False when the media path is dead and this runtime cannot restart it. */
  readonly canResume: () => boolean
  /** Whether the client has asked for this trouble, and is still in time for it; tells so once. */
  readonly takeResumeTrouble: (how: ResumeTrouble) => boolean
  /** Restarts ICE of the subscriber, where the runtime can; takes back that the participant is about to be removed. */
  readonly restartIce: Effect.Effect<void>
  /** Says goodbye as told, unless the client was `told` already, closes the signal and ends the session. */
  readonly end: (next: Goodbye, reason: DisconnectReason) => Effect.Effect<void>
  /**
   * Done when the peer connections may go: the client has been told that it is over, and closes them first, or has a second to
   * do so. One that loses them while it sends could crash in its runtime (wrtc).
   */
  readonly mayClose: Effect.Effect<void>
  /** Takes the frames of a socket until it ends. */
  readonly receive: (socket: SignalSocket) => Effect.Effect<void>
}

/** Milliseconds until media has to be there (J5). */
const joinTimeout = 60_000
/** Milliseconds that a client has to close its peer connections once it was told that it is over. */
const closeTimeout = 1_000
/**
 * Milliseconds from the join to the server's first offer, as a LiveKit server collects what there is to offer. Some clients have
 * no use for an offer that comes with the join.
 */
const firstOfferDelay = 10
export const make = Effect.fnUntraced(function* (
  options: ParticipantOptions
): Effect.fn.Return<Participant, PeerConnectionError, Scope.Scope | PeerConnectionFactory> {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const { claims, info, protocol } = options
  const happenings = yield* Queue.unbounded<Happening>()
  const report = (happening: Happening) => void Queue.offerUnsafe(happenings, happening)
  const after = (millis: number, what: Effect.Effect<void>) =>
    Effect.sleep(millis).pipe(Effect.andThen(Effect.sync(() => report({ _tag: "Due", what }))), Effect.forkIn(scope))
  const signal = SignalLink.make()
  const { send } = signal
  const transports = yield* Transports.make({
    isSingle: options.isSingle,
    isSubscriberPrimary: options.isSubscriberPrimary,
    send,
    onEvent: report,
    onData: options.onData
  })
  const publishing = Publishing.make({
    info,
    canPublish: claims.canPublish,
    takesMedia: transports.takesMedia,
    trackSid: options.trackSid,
    send,
    onChange: options.onChange,
    onTracks: options.onTracks
  })
  const chooser = Subscriptions.makeChooser(claims.canSubscribe, options.autoSubscribe)
  const self = {
    permission: undefined as SubscriptionPermission | undefined,
    hasEnded: false,
    lastHeardAt: clock.currentTimeMillisUnsafe(),
    trouble: undefined as { readonly how: ResumeTrouble; readonly until: number } | undefined
  }

  const hasHungUp = yield* Deferred.make<void>()
  const leave = (value: LeaveRequest | undefined) => {
    if (value !== undefined) send({ case: "leave", value })
    signal.close()
  }
  const end: Participant["end"] = (next, reason) =>
    Effect.suspend(() => {
      if (self.hasEnded) return Effect.void
      self.hasEnded = true
      if (next === "silently" || !path.hasConnected()) Deferred.doneUnsafe(hasHungUp, Effect.void)
      leave(next === "silently" || next === "told" ? undefined : leaveRequest(protocol, next, reason))
      return options.onEnd(reason)
    })
  // A description that cannot be used ends the session with a request to start over (Q9).
  const orStartOver = (effect: Effect.Effect<void, PeerConnectionError>) =>
    Effect.catch(effect, () => end("reconnect", DisconnectReason.STATE_MISMATCH))

  const path = MediaPath.make({
    primary: transports.primary,
    after,
    onConnected: Effect.suspend(() => {
      info.state = ParticipantInfo_State.ACTIVE
      return Effect.andThen(options.onChange, options.onTracks)
    }),
    onQuality: options.onQuality,
    onFailed: Effect.sync(() => leave(resumeRequest(protocol, DisconnectReason.CONNECTION_TIMEOUT))),
    onGone: Effect.suspend(() => end("disconnect", DisconnectReason.CONNECTION_TIMEOUT))
  })

  const onRequest = signalRequests.make({
    info,
    claims,
    protocol,
    send,
    transports,
    publishing,
    chooser,
    orStartOver,
    end,
    permit: (permission) => {
      self.permission = permission
    },
    arm: (how) => {
      self.trouble = { how, until: clock.currentTimeMillisUnsafe() + armedFor }
    },
    now: () => Math.floor(clock.currentTimeMillisUnsafe()),
    onTracks: options.onTracks,
    onOwnChange: options.onOwnChange
  })

  const handle = Effect.fnUntraced(function* (happening: Happening) {
    // Of who has gone nothing more is told, but that its peer connections go too.
    if (self.hasEnded && happening._tag !== "State") return
    switch (happening._tag) {
      case "Frame": {
        const { frame, socket } = happening
        if (!signal.hears(socket, frame)) return
        self.lastHeardAt = clock.currentTimeMillisUnsafe()
        const request = SignalFormat.decode(frame)
        return request === undefined ? socket.close(1000) : yield* onRequest(request)
      }
      case "SignalLost":
        // A session whose media never connected goes with its signal (J6); any other lives on (L1).
        return signal.lost(happening.socket) && !path.hasConnected()
          ? yield* end("silently", DisconnectReason.SIGNAL_CLOSE)
          : undefined
      case "Candidate":
        return send({ case: "trickle", value: trickle.encode(happening.target, happening.candidate) })
      case "TrackReceived":
        return yield* publishing.received(happening.media)
      case "TrackEnded":
        return yield* publishing.ended(happening.mid)
      case "TracksForwarded":
        return path.hasConnected() ? yield* orStartOver(transports.sendTracks(happening.tracks)) : undefined
      case "State":
        if (!self.hasEnded) return yield* path.changed(happening.target, happening.state)
        if (happening.state !== "connected") Deferred.doneUnsafe(hasHungUp, Effect.void)
        return
      case "Due":
        return yield* happening.what
      case "AnswerOverdue":
        return transports.lacksAnswer(happening.offerId)
          ? yield* end("reconnect", DisconnectReason.STATE_MISMATCH)
          : undefined
    }
  })
  yield* Queue.take(happenings).pipe(Effect.flatMap(handle), Effect.forever, Effect.forkIn(scope))
  yield* after(
    joinTimeout,
    Effect.suspend(() => (path.hasConnected() ? Effect.void : end("disconnect", DisconnectReason.JOIN_FAILURE)))
  )

  return {
    info,
    claims,
    protocol,
    signal,
    sendData: transports.sendData,
    closeChannel: transports.closeChannel,
    tracks: publishing.tracks,
    chooser,
    permits: (who, trackSid) => Subscriptions.permits(self.permission, who, trackSid),
    forward: (tracks) => report({ _tag: "TracksForwarded", tracks }),
    subscribed: publishing.subscribed,
    stats: transports.stats,
    lastHeardAt: () => self.lastHeardAt,
    start: Effect.fnUntraced(function* ({ addTracks, publisherOffer }) {
      for (const request of addTracks) yield* publishing.add(request)
      if (publisherOffer !== undefined) yield* orStartOver(transports.answer(publisherOffer.sdp, publisherOffer.id))
      else if (options.isSubscriberPrimary)
        yield* after(firstOfferDelay, orStartOver(transports.offer({ iceRestart: false })))
    }),
    canResume: () => transports.canRestartIce || !path.isGone(),
    takeResumeTrouble: (how) => {
      const { trouble } = self
      if (trouble?.how !== how) return false
      self.trouble = undefined
      return clock.currentTimeMillisUnsafe() <= trouble.until
    },
    restartIce: Effect.suspend(() => {
      if (!transports.canRestartIce) return Effect.void
      path.restarted()
      return orStartOver(transports.offer({ iceRestart: true }))
    }),
    end,
    mayClose: Effect.timeoutOption(Deferred.await(hasHungUp), closeTimeout).pipe(Effect.asVoid),
    receive: (socket) =>
      Queue.take(socket.frames).pipe(
        Effect.map((frame) => report({ _tag: "Frame", frame, socket })),
        Effect.forever,
        Effect.catchTag("Done", () => Effect.sync(() => report({ _tag: "SignalLost", socket })))
      )
  }
})
