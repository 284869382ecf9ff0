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
  Pong,
  type RequestResponse,
  RequestResponse_Reason,
  type SubscriptionPermission,
  type SignalRequest,
  type SignalResponse,
  SubscribedQualityUpdate,
  TrackPublishedResponse,
  TrackSubscribed,
  TrackType,
  type UpdateParticipantMetadata,
  type VideoQuality
} from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Kind } from "../DataChannel.ts"
import * as trickle from "../internal/trickle.ts"
import type { PeerConnectionError, Target } from "../PeerConnectionError.ts"
import type { PeerConnectionFactory, PeerConnectionState } from "../PeerConnectionFactory.ts"
import type { StatsReport } from "../Stats.ts"
import type { Claims } from "./Claims.ts"
import type { ForwardedTrack } from "./Downlink.ts"
import * as Layers from "./Layers.ts"
import { leaveRequest, resumeRequest } from "./leaveRequest.ts"
import * as ownMetadata from "./ownMetadata.ts"
import * as requests from "./requests.ts"
import * as SignalFormat from "./SignalFormat.ts"
import * as SignalLink from "./SignalLink.ts"
import type { Frame, SignalSocket } from "./SignalSocket.ts"
import { armedFor, type ResumeTrouble, simulationOf } from "./Simulation.ts"
import * as Subscriptions from "./Subscriptions.ts"
import * as Transports from "./Transports.ts"
import * as Uplink from "./Uplink.ts"

/** What can happen to a participant. */
type Happening =
  | { readonly _tag: "Frame"; readonly frame: Frame; readonly socket: SignalSocket }
  | { readonly _tag: "SignalLost"; readonly socket: SignalSocket }
  | { readonly _tag: "DisconnectedForLong"; readonly target: Target; readonly change: number }
  | { readonly _tag: "GoneForLong"; readonly failure: number }
  | { readonly _tag: "JoinTimeout" }
  | { readonly _tag: "FirstOfferDue" }
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

/** From this protocol version on a client is told of success too (M1). */
const protocolWithConsent = 15
/** Milliseconds until media has to be there (J5). */
const joinTimeout = 60_000
/** Milliseconds that a peer connection may be disconnected before it counts as failed (L2). */
const disconnectedTimeout = 15_000
/** Milliseconds that a client has to close its peer connections once it was told that it is over. */
const closeTimeout = 1_000
/**
 * Milliseconds from the join to the server's first offer, as a LiveKit server collects what there is to offer. Some clients have
 * no use for an offer that comes with the join.
 */
const firstOfferDelay = 10
/** Milliseconds that a participant stays without media (L2). */
const goneTimeout = 5_000

export const make = Effect.fnUntraced(function* (
  options: ParticipantOptions
): Effect.fn.Return<Participant, PeerConnectionError, Scope.Scope | PeerConnectionFactory> {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const { claims, info, protocol } = options
  const happenings = yield* Queue.unbounded<Happening>()
  const report = (happening: Happening) => void Queue.offerUnsafe(happenings, happening)
  const reportAfter = (millis: number, happening: Happening) =>
    Effect.sleep(millis).pipe(Effect.andThen(Effect.sync(() => report(happening))), Effect.forkIn(scope))
  const signal = SignalLink.make()
  const { send } = signal
  const transports = yield* Transports.make({
    isSingle: options.isSingle,
    isSubscriberPrimary: options.isSubscriberPrimary,
    send,
    onEvent: report,
    onData: options.onData
  })
  const uplink = Uplink.make()
  const chooser = Subscriptions.makeChooser(claims.canSubscribe, options.autoSubscribe)
  const self = {
    permission: undefined as SubscriptionPermission | undefined,
    hasConnected: false,
    hasEnded: false,
    lastHeardAt: clock.currentTimeMillisUnsafe(),
    /** The media path was given up, and nothing has restarted it since. */
    isGone: false,
    /** How often it was given up. */
    failures: 0,
    /** How often a peer connection has changed its state. */
    changes: { publisher: 0, subscriber: 0 },
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
      if (next === "silently" || !self.hasConnected) Deferred.doneUnsafe(hasHungUp, Effect.void)
      leave(next === "silently" || next === "told" ? undefined : leaveRequest(protocol, next, reason))
      return options.onEnd(reason)
    })
  // A description that cannot be used ends the session with a request to start over (Q9).
  const orStartOver = (effect: Effect.Effect<void, PeerConnectionError>) =>
    Effect.catch(effect, () => end("reconnect", DisconnectReason.STATE_MISMATCH))

  const published = Effect.fnUntraced(function* (track: Uplink.PublishedTrack) {
    send({ case: "trackPublished", value: new TrackPublishedResponse({ cid: track.cid, track: track.info }) })
    // Where no media can come it is enough to have asked.
    if (track.media !== undefined || !transports.takesMedia) yield* shown(track)
  })
  /** Others hear of a track when its media has come. */
  const shown = Effect.fnUntraced(function* (track: Uplink.PublishedTrack) {
    info.tracks.push(track.info)
    info.isPublisher = true
    yield* options.onChange
    yield* options.onTracks
  })
  const addTrack = Effect.fnUntraced(function* (request: AddTrackRequest) {
    const answer = (value: RequestResponse | undefined) =>
      value === undefined ? undefined : send({ case: "requestResponse", value })
    const refusal = requests.refuseTrack(claims.canPublish, request)
    if (refusal !== undefined) return answer(refusal)
    if (request.sid !== "") {
      // Another codec of a track that there is.
      const track = info.tracks.find(({ sid }) => sid === request.sid)
      return track === undefined
        ? answer(requests.answerTrack(request, RequestResponse_Reason.NOT_FOUND))
        : send({ case: "trackPublished", value: new TrackPublishedResponse({ cid: request.cid, track }) })
    }
    const added = uplink.add(request, yield* options.trackSid)
    switch (added._tag) {
      case "Published":
        return yield* published(added.track)
      case "Queued":
        return answer(requests.answerTrack(request, RequestResponse_Reason.QUEUED))
      case "TooMany":
        return answer(requests.answerTrack(request, RequestResponse_Reason.LIMIT_EXCEEDED, added.message))
    }
  })

  const updateMetadata = Effect.fnUntraced(function* (request: UpdateParticipantMetadata) {
    const value = ownMetadata.answer(claims.canUpdateOwnMetadata, request)
    const isOk = value.reason === RequestResponse_Reason.OK
    for (const change of isOk ? ownMetadata.changes(info, request) : []) {
      Object.assign(info, change)
      yield* options.onOwnChange
    }
    if (!isOk || protocol >= protocolWithConsent) send({ case: "requestResponse", value })
  })

  const onRequest = (message: SignalRequest["message"]): Effect.Effect<void> => {
    const now = Math.floor(clock.currentTimeMillisUnsafe())
    const reply = (response: SignalResponse["message"]) => Effect.sync(() => send(response))
    switch (message.case) {
      case "ping":
        return reply({ case: "pong", value: BigInt(now) })
      case "pingReq": {
        const value = new Pong({ lastPingTimestamp: message.value.timestamp, timestamp: BigInt(now) })
        return reply({ case: "pongResp", value })
      }
      case "offer":
        return orStartOver(transports.answer(message.value.sdp, message.value.id))
      case "answer":
        return orStartOver(transports.takeAnswer(message.value.sdp, message.value.id))
      case "trickle": {
        const candidate = trickle.decode(message.value)
        const target = message.value.target === 1 ? "subscriber" : "publisher"
        return candidate === undefined
          ? reply({ case: "requestResponse", value: requests.badCandidate(message.value) })
          : transports.addCandidate(target, candidate)
      }
      case "leave":
        return end("disconnect", DisconnectReason.CLIENT_INITIATED)
      case "addTrack":
        return addTrack(message.value)
      case "updateMetadata":
        return updateMetadata(message.value)
      case "syncState": {
        const known = uplink.all().map((track) => track.info)
        if (!requests.knowsAll(known, message.value)) return end("reconnect", DisconnectReason.STATE_MISMATCH)
        for (const sid of message.value.trackSidsDisabled) chooser.disabled.add(sid)
        if (message.value.subscription !== undefined) Subscriptions.choose(chooser, message.value.subscription)
        return options.onTracks
      }
      case "subscription":
        Subscriptions.choose(chooser, message.value)
        return options.onTracks
      case "trackSetting":
        Subscriptions.setUp(chooser, message.value)
        return options.onTracks
      case "subscriptionPermission":
        self.permission = message.value
        return options.onTracks
      case "mute": {
        const { muted, sid } = message.value
        const before = info.tracks.find((track) => track.sid === sid)?.muted
        if (uplink.setMuted(sid, muted) === undefined) {
          return reply({ case: "requestResponse", value: requests.noSuchTrack(message.value) })
        }
        return before === undefined || before === muted ? Effect.void : options.onChange
      }
      case "simulate": {
        const simulation = simulationOf(message.value)
        if (simulation?._tag === "End") {
          return end(simulation.withLeave ? "disconnect" : "silently", simulation.reason)
        }
        if (simulation !== undefined) self.trouble = { how: simulation.how, until: now + armedFor }
        return Effect.void
      }
      default:
        return Effect.void
    }
  }

  // The client may resume with an ICE restart; if it does not, the participant is gone (L2, L3).
  const onFailed = Effect.gen(function* () {
    if (self.isGone) return
    self.isGone = true
    leave(resumeRequest(protocol, DisconnectReason.CONNECTION_TIMEOUT))
    yield* reportAfter(goneTimeout, { _tag: "GoneForLong", failure: ++self.failures })
  })
  const onState = Effect.fnUntraced(function* (target: Target, state: PeerConnectionState) {
    const change = ++self.changes[target]
    if (self.hasEnded) return state === "connected" ? undefined : void Deferred.doneUnsafe(hasHungUp, Effect.void)
    if (state === "connected" && target === transports.primary && !self.hasConnected) {
      self.hasConnected = true
      info.state = ParticipantInfo_State.ACTIVE
      yield* options.onChange
      yield* options.onTracks
    }
    if (target === transports.primary && (state === "connected" || state === "disconnected")) {
      options.onQuality(state === "connected")
    }
    if (state === "disconnected")
      yield* reportAfter(disconnectedTimeout, { _tag: "DisconnectedForLong", target, change })
    if (state === "failed" || state === "closed") yield* onFailed
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
        return signal.lost(happening.socket) && !self.hasConnected
          ? yield* end("silently", DisconnectReason.SIGNAL_CLOSE)
          : undefined
      case "Candidate":
        return send({ case: "trickle", value: trickle.encode(happening.target, happening.candidate) })
      case "TrackReceived": {
        const track = uplink.received(happening.media)
        return track === undefined ? undefined : yield* shown(track)
      }
      case "TrackEnded": {
        const ended = uplink.ended(happening.mid)
        if (ended === undefined) return
        info.tracks = info.tracks.filter((track) => track !== ended.track.info)
        yield* Effect.andThen(options.onChange, options.onTracks)
        return ended.next === undefined ? undefined : yield* published(ended.next)
      }
      case "TracksForwarded":
        return self.hasConnected ? yield* orStartOver(transports.sendTracks(happening.tracks)) : undefined
      case "State":
        return yield* onState(happening.target, happening.state)
      case "DisconnectedForLong":
        return happening.change === self.changes[happening.target] ? yield* onFailed : undefined
      case "GoneForLong":
        return self.isGone && happening.failure === self.failures
          ? yield* end("disconnect", DisconnectReason.CONNECTION_TIMEOUT)
          : undefined
      case "JoinTimeout":
        return self.hasConnected ? undefined : yield* end("disconnect", DisconnectReason.JOIN_FAILURE)
      case "FirstOfferDue":
        return yield* orStartOver(transports.offer({ iceRestart: false }))
      case "AnswerOverdue":
        return transports.lacksAnswer(happening.offerId)
          ? yield* end("reconnect", DisconnectReason.STATE_MISMATCH)
          : undefined
    }
  })
  yield* Queue.take(happenings).pipe(Effect.flatMap(handle), Effect.forever, Effect.forkIn(scope))
  yield* reportAfter(joinTimeout, { _tag: "JoinTimeout" })

  return {
    info,
    claims,
    protocol,
    signal,
    sendData: transports.sendData,
    closeChannel: transports.closeChannel,
    tracks: uplink.all,
    chooser,
    permits: (who, trackSid) => Subscriptions.permits(self.permission, who, trackSid),
    forward: (tracks) => report({ _tag: "TracksForwarded", tracks }),
    subscribed: (track, highest) => {
      const trackSid = track.info.sid
      if (!track.wasSubscribed) {
        if (highest === undefined) return
        track.wasSubscribed = true
        send({ case: "trackSubscribed", value: new TrackSubscribed({ trackSid }) })
      } else if (track.told === highest) return
      track.told = highest
      if (track.info.type !== TrackType.VIDEO) return
      const subscribedQualities = [...Layers.subscribed(highest)]
      send({ case: "subscribedQualityUpdate", value: new SubscribedQualityUpdate({ trackSid, subscribedQualities }) })
    },
    stats: transports.stats,
    lastHeardAt: () => self.lastHeardAt,
    start: Effect.fnUntraced(function* ({ addTracks, publisherOffer }) {
      for (const request of addTracks) yield* addTrack(request)
      if (publisherOffer !== undefined) yield* orStartOver(transports.answer(publisherOffer.sdp, publisherOffer.id))
      else if (options.isSubscriberPrimary) yield* reportAfter(firstOfferDelay, { _tag: "FirstOfferDue" })
    }),
    canResume: () => transports.canRestartIce || !self.isGone,
    takeResumeTrouble: (how) => {
      const { trouble } = self
      if (trouble?.how !== how) return false
      self.trouble = undefined
      return clock.currentTimeMillisUnsafe() <= trouble.until
    },
    restartIce: Effect.suspend(() => {
      if (!transports.canRestartIce) return Effect.void
      self.isGone = false
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
