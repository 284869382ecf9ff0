/**
 * One participant session at the server: its signal socket, its peer connections, its data. Everything that happens to it comes
 * through one queue and is handled one after the other; only data packets take the short way.
 */
import {
  DisconnectReason,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo_State,
  type ParticipantInfo,
  Pong,
  RequestResponse,
  RequestResponse_Reason,
  SessionDescription,
  SignalRequest,
  SignalResponse,
  TrackInfo,
  TrackPublishedResponse
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type Kind, labels } from "../DataChannel.ts"
import * as trickle from "../internal/trickle.ts"
import type { PeerConnectionError, Target } from "../PeerConnectionError.ts"
import {
  type IceCandidate,
  type PeerConnection,
  PeerConnectionFactory,
  type PeerConnectionState,
  type RtcDataChannel
} from "../PeerConnectionFactory.ts"
import * as forward from "./forward.ts"
import type { SignalSocket } from "./SignalSocket.ts"
import type { Claims } from "./TokenVerifier.ts"

/** What can happen to a participant. */
type Happening =
  | { readonly _tag: "Frame"; readonly bytes: Uint8Array; readonly socket: SignalSocket }
  | { readonly _tag: "SignalLost"; readonly socket: SignalSocket }
  | { readonly _tag: "Candidate"; readonly target: Target; readonly candidate: IceCandidate }
  | { readonly _tag: "State"; readonly target: Target; readonly state: PeerConnectionState }

export interface ParticipantOptions {
  readonly info: ParticipantInfo
  readonly claims: Claims
  readonly isSingle: boolean
  readonly isSubscriberPrimary: boolean
  readonly trackSid: Effect.Effect<string>
  /** A data packet to be handed to the others. */
  readonly onData: (kind: Kind, bytes: Uint8Array, isFor: (identity: string) => boolean) => void
  /** Others are to hear of a change. */
  readonly onChange: Effect.Effect<void>
  /** The session has ended; called once. */
  readonly onEnd: (reason: DisconnectReason) => Effect.Effect<void>
}

export interface Participant {
  readonly info: ParticipantInfo
  readonly claims: Claims
  readonly sender: forward.SenderState
  readonly hasConnected: () => boolean
  readonly socket: () => SignalSocket | undefined
  readonly send: (message: SignalResponse["message"]) => void
  readonly sendData: (kind: Kind, bytes: Uint8Array) => void
  /** Uses this socket from now on; the one before is closed with 1000. */
  readonly attach: (socket: SignalSocket) => Effect.Effect<void>
  /** Begins negotiation after the join response was sent. */
  readonly start: (offer: { readonly sdp: string; readonly id: number } | undefined) => Effect.Effect<void>
  /** An ICE restart of the subscriber, where the runtime can. */
  readonly restartIce: Effect.Effect<void>
  readonly leave: (leave: LeaveRequest) => void
  readonly setStalled: (isStalled: boolean) => void
  /** Takes the frames of a socket until it ends. */
  readonly receive: (socket: SignalSocket) => Effect.Effect<void>
}

const backlogOfJoining = 1_000

export const make = Effect.fnUntraced(function* (
  options: ParticipantOptions
): Effect.fn.Return<Participant, PeerConnectionError, Scope.Scope | PeerConnectionFactory> {
  const factory = yield* PeerConnectionFactory
  const { claims, info, isSingle, isSubscriberPrimary } = options
  const happenings = yield* Queue.unbounded<Happening>()
  const sender: forward.SenderState = {
    sid: info.sid,
    identity: info.identity,
    canPublishData: claims.canPublishData,
    lastSequence: 0,
    nonces: new Set()
  }
  const outgoing: Partial<Record<Kind, RtcDataChannel>> = {}
  const early: Array<Uint8Array> = []
  const held: Record<Target, Array<IceCandidate>> = { publisher: [], subscriber: [] }
  const self = {
    socket: undefined as SignalSocket | undefined,
    isStalled: false,
    hasConnected: false,
    hasEnded: false,
    offerId: 0
  }

  const send = (message: SignalResponse["message"]) => {
    if (!self.isStalled) self.socket?.send(new SignalResponse({ message }).toBinary())
  }
  const end = (reason: DisconnectReason) =>
    Effect.suspend(() => {
      if (self.hasEnded) return Effect.void
      self.hasEnded = true
      return options.onEnd(reason)
    })

  const flushEarly = () => {
    const channel = outgoing.reliable
    if (channel?.readyState() !== "open") return
    for (const bytes of early.splice(0)) channel.send(bytes)
  }
  const listen = (kind: Kind, channel: RtcDataChannel) =>
    channel.setHandlers({
      onOpen: flushEarly,
      onClose: () => {},
      onError: () => {},
      onBufferedAmountLow: () => {},
      onMessage: (bytes) => {
        const accepted = forward.accept(sender, kind, bytes)
        if (accepted !== undefined) options.onData(kind, accepted.bytes, accepted.isFor)
      }
    })
  const kindOf = (label: string): Kind | undefined =>
    label === labels.reliable ? "reliable" : label === labels.lossy ? "lossy" : undefined

  const makePeer = (target: Target) =>
    factory.make(
      { iceServers: [], iceTransportPolicy: "all" },
      {
        onIceCandidate: (candidate) => void Queue.offerUnsafe(happenings, { _tag: "Candidate", target, candidate }),
        onConnectionStateChange: (state) => void Queue.offerUnsafe(happenings, { _tag: "State", target, state }),
        onDataChannel: (channel) => {
          const kind = kindOf(channel.label)
          if (kind === undefined) return
          if (isSingle) outgoing[kind] = channel
          listen(kind, channel)
          if (isSingle) flushEarly()
        }
      }
    )
  const publisher = yield* makePeer("publisher")
  const subscriber = isSingle ? undefined : yield* makePeer("subscriber")
  if (subscriber !== undefined) {
    for (const kind of ["reliable", "lossy"] as const) {
      const channel = yield* subscriber.createDataChannel(
        labels[kind],
        kind === "reliable" ? { ordered: true } : { ordered: false, maxRetransmits: 0 }
      )
      outgoing[kind] = channel
      listen(kind, channel)
    }
    yield* subscriber.createDataChannel("_data_track", { ordered: false, maxRetransmits: 0 })
  }
  const peerOf = (target: Target) => (target === "publisher" ? publisher : subscriber)
  const primary: Target = isSubscriberPrimary ? "subscriber" : "publisher"

  const setRemote = Effect.fnUntraced(function* (
    target: Target,
    peer: PeerConnection,
    type: "offer" | "answer",
    sdp: string
  ) {
    yield* peer.setRemoteDescription({ type, sdp })
    for (const candidate of held[target].splice(0)) yield* Effect.ignore(peer.addIceCandidate(candidate))
  })
  const answer = Effect.fnUntraced(function* (sdp: string, id: number) {
    yield* setRemote("publisher", publisher, "offer", sdp)
    const description = yield* publisher.createAnswer
    yield* publisher.setLocalDescription(description)
    send({ case: "answer", value: new SessionDescription({ type: "answer", sdp: description.sdp, id }) })
  })
  const offer = (iceRestart: boolean) =>
    Effect.gen(function* () {
      if (subscriber === undefined) return
      const description = yield* subscriber.createOffer({ iceRestart })
      yield* subscriber.setLocalDescription(description)
      self.offerId++
      send({ case: "offer", value: new SessionDescription({ type: "offer", sdp: description.sdp, id: self.offerId }) })
    })
  // A description that cannot be used ends the session with a request to start over (L4, Q9).
  const orLeave = (effect: Effect.Effect<void, PeerConnectionError>) =>
    Effect.catch(effect, () => {
      leave(new LeaveRequest({ reason: DisconnectReason.STATE_MISMATCH, action: LeaveRequest_Action.RECONNECT }))
      return end(DisconnectReason.STATE_MISMATCH)
    })
  const leave = (request: LeaveRequest) => {
    send({ case: "leave", value: request })
    self.socket?.close(1000)
  }

  const onRequest = (message: SignalRequest["message"]): Effect.Effect<void> => {
    switch (message.case) {
      case "ping":
        return Effect.sync(() => send({ case: "pong", value: message.value }))
      case "pingReq": {
        const { timestamp } = message.value
        return Effect.flatMap(
          Effect.clockWith((clock) => clock.currentTimeMillis),
          (now) =>
            Effect.sync(() =>
              send({ case: "pongResp", value: new Pong({ lastPingTimestamp: timestamp, timestamp: BigInt(now) }) })
            )
        )
      }
      case "offer":
        return orLeave(answer(message.value.sdp, message.value.id))
      case "answer":
        return subscriber === undefined
          ? Effect.void
          : orLeave(setRemote("subscriber", subscriber, "answer", message.value.sdp))
      case "trickle": {
        const target: Target = message.value.target === 1 ? "subscriber" : "publisher"
        const candidate = trickle.decode(message.value)
        const peer = peerOf(target)
        if (candidate === undefined || peer === undefined) return Effect.void
        if (peer.remoteDescription() !== null) return Effect.ignore(peer.addIceCandidate(candidate))
        return Effect.sync(() => void held[target].push(candidate))
      }
      case "leave":
        return Effect.suspend(() => {
          leave(new LeaveRequest({ reason: DisconnectReason.CLIENT_INITIATED, action: LeaveRequest_Action.DISCONNECT }))
          return end(DisconnectReason.CLIENT_INITIATED)
        })
      case "addTrack": {
        const { cid, name, source, type } = message.value
        if (!claims.canPublish) {
          const value = new RequestResponse({
            reason: RequestResponse_Reason.NOT_ALLOWED,
            message: "participant is not allowed to publish",
            request: { case: "addTrack", value: message.value }
          })
          return Effect.sync(() => send({ case: "requestResponse", value }))
        }
        return Effect.map(options.trackSid, (sid) => {
          const track = new TrackInfo({ sid, name, source, type })
          info.tracks.push(track)
          send({ case: "trackPublished", value: new TrackPublishedResponse({ cid, track }) })
        }).pipe(Effect.andThen(options.onChange))
      }
      case "syncState": {
        const known = new Set(info.tracks.map(({ sid }) => sid))
        const isKnown = message.value.publishTracks.every(({ track }) => track !== undefined && known.has(track.sid))
        if (isKnown) return Effect.void
        leave(new LeaveRequest({ reason: DisconnectReason.STATE_MISMATCH, action: LeaveRequest_Action.RECONNECT }))
        return end(DisconnectReason.STATE_MISMATCH)
      }
      default:
        return Effect.void
    }
  }

  const onState = (target: Target, state: PeerConnectionState) =>
    Effect.gen(function* () {
      if (state === "connected" && target === primary && !self.hasConnected) {
        self.hasConnected = true
        info.state = ParticipantInfo_State.ACTIVE
        yield* options.onChange
      }
      if (state !== "failed" && state !== "closed") return
      if (self.socket !== undefined) {
        leave(new LeaveRequest({ reason: DisconnectReason.CONNECTION_TIMEOUT, action: LeaveRequest_Action.RESUME }))
        yield* Effect.forkScoped(Effect.andThen(Effect.sleep(5_000), end(DisconnectReason.CONNECTION_TIMEOUT)))
        return
      }
      yield* end(DisconnectReason.CONNECTION_TIMEOUT)
    })

  const handle = Effect.fnUntraced(function* (happening: Happening) {
    switch (happening._tag) {
      case "Candidate":
        return send({ case: "trickle", value: trickle.encode(happening.target, happening.candidate) })
      case "State":
        return yield* onState(happening.target, happening.state)
      case "SignalLost":
        if (self.socket !== happening.socket) return
        self.socket = undefined
        // A session whose media never connected goes with its signal (J6); any other lives on (L1).
        return self.hasConnected ? undefined : yield* end(DisconnectReason.SIGNAL_CLOSE)
      case "Frame": {
        if (self.isStalled || self.socket !== happening.socket) return
        const request = decode(happening.bytes)
        return request === undefined ? happening.socket.close(1000) : yield* onRequest(request)
      }
    }
  })
  yield* Queue.take(happenings).pipe(Effect.flatMap(handle), Effect.forever, Effect.forkScoped)

  return {
    info,
    claims,
    sender,
    hasConnected: () => self.hasConnected,
    socket: () => self.socket,
    send,
    sendData: (kind, bytes) => {
      const channel = outgoing[kind]
      if (channel?.readyState() === "open") return channel.send(bytes)
      // Who is still joining gets reliable data once its channel is open (D7).
      if (kind === "reliable" && early.length < backlogOfJoining) early.push(bytes)
    },
    attach: (socket) =>
      Effect.gen(function* () {
        const before = self.socket
        self.socket = socket
        self.isStalled = false
        before?.close(1000)
      }),
    start: (publisherOffer) =>
      publisherOffer === undefined
        ? isSubscriberPrimary
          ? orLeave(offer(false))
          : Effect.void
        : orLeave(answer(publisherOffer.sdp, publisherOffer.id)),
    restartIce: factory.capabilities.iceRestart ? orLeave(offer(true)) : Effect.void,
    leave,
    setStalled: (isStalled) => {
      self.isStalled = isStalled
    },
    receive: (socket: SignalSocket) =>
      Queue.take(socket.frames).pipe(
        Effect.map((bytes) => Queue.offerUnsafe(happenings, { _tag: "Frame", bytes, socket })),
        Effect.forever,
        Effect.catchTag("Done", () => Effect.asVoid(Queue.offer(happenings, { _tag: "SignalLost", socket })))
      )
  }
})

const decode = (bytes: Uint8Array): SignalRequest["message"] | undefined => {
  try {
    return SignalRequest.fromBinary(bytes).message
  } catch {
    return undefined
  }
}
