/**
 * The peer connections of a participant at the server: their offers and answers, their candidates, their data channels. What
 * happens to them is told to the participant, which handles it in turn with everything else.
 */
import { MediaSectionsRequirement, SessionDescription, type SignalResponse } from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Kind, labels } from "../DataChannel.ts"
import { inSequence } from "../internal/inSequence.ts"
import { NegotiationFailed, PeerConnectionError, type Target } from "../PeerConnectionError.ts"
import {
  type IceCandidate,
  type PeerConnection,
  PeerConnectionFactory,
  type PeerConnectionState,
  type RtcDataChannel
} from "../PeerConnectionFactory.ts"
import { isReadable } from "../internal/parseSdp.ts"
import * as RemoteSections from "../internal/RemoteSections.ts"
import type { RemoteMedia } from "../PeerConnectionTransport.ts"
import * as Sdp from "../Sdp.ts"
import type { StatsReport } from "../Stats.ts"
import * as Downlink from "./Downlink.ts"
import { JoinBacklog } from "./JoinBacklog.ts"
import { takeLargest } from "./largestEncoding.ts"

/** What can happen to the peer connections. */
export type TransportEvent =
  | { readonly _tag: "Candidate"; readonly target: Target; readonly candidate: IceCandidate }
  | { readonly _tag: "State"; readonly target: Target; readonly state: PeerConnectionState }
  | { readonly _tag: "AnswerOverdue"; readonly offerId: number }
  | { readonly _tag: "TrackReceived"; readonly media: RemoteMedia }
  | { readonly _tag: "TrackEnded"; readonly mid: string }

export interface TransportsOptions {
  readonly isSingle: boolean
  readonly isSubscriberPrimary: boolean
  readonly send: (message: SignalResponse["message"]) => void
  readonly onEvent: (event: TransportEvent) => void
  readonly onData: (kind: Kind, bytes: Uint8Array) => void
}

export interface Transports {
  /** The peer connection that has to be there; the other one may come later, or never. */
  readonly primary: Target
  readonly canRestartIce: boolean
  /** Whether media of the client can come. */
  readonly takesMedia: boolean
  /** Answers an offer of the client; one that cannot be read is dropped without a word. */
  readonly answer: (sdp: string, id: number) => Effect.Effect<void, PeerConnectionError>
  /** Offers the subscriber; does nothing when there is none. */
  readonly offer: (options: { readonly iceRestart: boolean }) => Effect.Effect<void, PeerConnectionError>
  /** Takes the answer to the offer that is out; an older one is dropped. */
  readonly takeAnswer: (sdp: string, id: number) => Effect.Effect<void, PeerConnectionError>
  readonly addCandidate: (target: Target, candidate: IceCandidate) => Effect.Effect<void>
  /** Whether this offer still waits for its answer, on a connection that could bring it (L4). */
  readonly lacksAnswer: (offerId: number) => boolean
  readonly sendData: (kind: Kind, bytes: Uint8Array) => void
  /** Closes the channel that the client has opened. */
  readonly closeChannel: (kind: Kind) => void
  readonly stats: Effect.Effect<StatsReport>
  /** Sends these tracks from now on, and no others. */
  readonly sendTracks: (tracks: ReadonlyArray<Downlink.ForwardedTrack>) => Effect.Effect<void, PeerConnectionError>
}

/** Milliseconds that a client has for an answer (L4). */
const answerTimeout = 15_000

/** What a LiveKit server says it takes in one message, in bytes (D2). */
const maxMessageSize = 65_535

export const make = Effect.fnUntraced(function* (
  options: TransportsOptions
): Effect.fn.Return<Transports, PeerConnectionError, Scope.Scope | PeerConnectionFactory> {
  const factory = yield* PeerConnectionFactory
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const { isSingle, isSubscriberPrimary, onEvent, send } = options
  const primary: Target = isSubscriberPrimary ? "subscriber" : "publisher"
  const outgoing: Partial<Record<Kind, RtcDataChannel>> = {}
  const incoming: Partial<Record<Kind, RtcDataChannel>> = {}
  const backlog = new JoinBacklog()
  const held: Record<Target, Array<IceCandidate>> = { publisher: [], subscriber: [] }
  const self = { canWriteReliable: false, offerId: 0, isOfferOut: false, isOfferDue: false }
  const downlink = Downlink.make()
  const uplink = RemoteSections.make({
    onTrack: (media) => onEvent({ _tag: "TrackReceived", media }),
    onTrackEnded: (mid) => onEvent({ _tag: "TrackEnded", mid })
  })

  const onOutgoingOpen = () => {
    const channel = outgoing.reliable
    if (self.canWriteReliable || channel?.readyState() !== "open") return
    self.canWriteReliable = true
    for (const bytes of backlog.take(clock.currentTimeMillisUnsafe())) sendOrDrop(channel, bytes)
  }
  const listen = (kind: Kind, channel: RtcDataChannel) =>
    channel.setHandlers({
      onOpen: onOutgoingOpen,
      onClose: () => {},
      onError: () => {},
      onBufferedAmountLow: () => {},
      onMessage: (bytes) => options.onData(kind, bytes),
      onEarlyMessages: (messages) => {
        for (const bytes of kind === "reliable" ? inSequence(messages) : messages) options.onData(kind, bytes)
      }
    })

  const makePeer = (target: Target) =>
    factory.make(
      { iceServers: [], iceTransportPolicy: "all" },
      {
        onIceCandidate: (candidate) => onEvent({ _tag: "Candidate", target, candidate }),
        onConnectionStateChange: (state) => onEvent({ _tag: "State", target, state }),
        onTrack: target === "publisher" ? uplink.onTrack : undefined,
        onDataChannel: (channel) => {
          const kind = kindOf(channel.label)
          if (kind === undefined) return
          incoming[kind] = channel
          // Without channels of our own the answers to data go back on the client's.
          if (primary === "publisher") outgoing[kind] = channel
          listen(kind, channel)
          onOutgoingOpen()
        }
      }
    )
  const publisher = yield* makePeer("publisher")
  const subscriber = isSingle ? undefined : yield* makePeer("subscriber")
  if (subscriber !== undefined && isSubscriberPrimary) {
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

  const setRemote = Effect.fnUntraced(function* (
    target: Target,
    peer: PeerConnection,
    type: "offer" | "answer",
    sdp: string
  ) {
    const set = peer.setRemoteDescription({ type, sdp })
    yield* target === "publisher" ? uplink.describe(sdp, set) : set
    for (const candidate of held[target].splice(0)) yield* Effect.ignore(peer.addIceCandidate(candidate))
  })

  const offer = Effect.fnUntraced(function* ({ iceRestart }: { readonly iceRestart: boolean }) {
    if (subscriber === undefined) return
    // What has changed since is in the offer that follows the answer.
    if (self.isOfferOut && !iceRestart) return void (self.isOfferDue = true)
    self.isOfferDue = false
    yield* downlink.prepareOffer(subscriber.media)
    const description = yield* subscriber.createOffer({ iceRestart })
    yield* subscriber.setLocalDescription(description)
    const offerId = ++self.offerId
    self.isOfferOut = true
    const { midToTrackId, sdp } = downlink.describe(description.sdp)
    send({
      case: "offer",
      value: new SessionDescription({ type: "offer", sdp: limitMessageSize(sdp), id: offerId, midToTrackId })
    })
    yield* Effect.sleep(answerTimeout).pipe(
      Effect.andThen(Effect.sync(() => onEvent({ _tag: "AnswerOverdue", offerId }))),
      Effect.forkIn(scope)
    )
  })

  return {
    primary,
    canRestartIce: factory.capabilities.iceRestart,
    takesMedia: factory.capabilities.media !== "none",
    answer: Effect.fnUntraced(function* (offered: string, id: number) {
      if (!isReadable(offered)) return
      // Some runtimes would answer it, with nothing.
      if (!hasSection(offered)) return yield* cannotUse("an offer without sections")
      yield* setRemote("publisher", publisher, "offer", offered)
      if (isSingle) yield* downlink.prepareAnswer(publisher.media, Sdp.sections(offered))
      const description = yield* publisher.createAnswer
      yield* publisher.setLocalDescription(description)
      const { midToTrackId, sdp } = isSingle
        ? downlink.describe(description.sdp)
        : { midToTrackId: {}, sdp: description.sdp }
      send({
        case: "answer",
        value: new SessionDescription({
          type: "answer",
          sdp: takeLargest(offered, limitMessageSize(sdp)),
          id,
          midToTrackId
        })
      })
    }),
    offer,
    takeAnswer: Effect.fnUntraced(function* (sdp: string, id: number) {
      // Clients of before answer ids say 0.
      const isCurrent = self.isOfferOut && (id === 0 || id === self.offerId)
      if (subscriber === undefined || !isCurrent) return
      self.isOfferOut = false
      yield* setRemote("subscriber", subscriber, "answer", sdp)
      if (self.isOfferDue) yield* offer({ iceRestart: false })
    }),
    sendTracks: Effect.fnUntraced(function* (tracks) {
      if (!(yield* downlink.want(tracks))) return
      if (!isSingle) return yield* offer({ iceRestart: false })
      // The client offers; it is told how many sections it lacks, and if none, that it is time for an offer.
      const { audio, video } = downlink.missing()
      const value = new MediaSectionsRequirement({ numAudios: audio, numVideos: video })
      send({ case: "mediaSectionsRequirement", value })
    }),
    addCandidate: (target, candidate) =>
      Effect.suspend(() => {
        const peer = peerOf(target)
        if (peer === undefined) return Effect.void
        if (peer.remoteDescription() !== null) return Effect.ignore(peer.addIceCandidate(candidate))
        held[target].push(candidate)
        return Effect.void
      }),
    lacksAnswer: (offerId) =>
      self.isOfferOut && self.offerId === offerId && subscriber?.connectionState() === "connected",
    stats: Effect.map(
      Effect.all([publisher.media.stats, subscriber?.media.stats ?? Effect.succeed([])]),
      ([own, other]) => [...own, ...other]
    ),
    closeChannel: (kind) => incoming[kind]?.close(),
    sendData: (kind, bytes) => {
      const channel = outgoing[kind]
      if (kind === "reliable" && !self.canWriteReliable) return backlog.add(bytes, clock.currentTimeMillisUnsafe())
      if (channel?.readyState() === "open") sendOrDrop(channel, bytes)
    }
  }
})

/** What a recipient cannot take (too large for it, or its channel is going) is no trouble of the sender's. */
const sendOrDrop = (channel: RtcDataChannel, bytes: Uint8Array) => {
  try {
    channel.send(bytes)
  } catch {
    return
  }
}

const hasSection = (sdp: string) => /^m=/m.test(sdp)

const cannotUse = (cause: string) =>
  new PeerConnectionError({ reason: new NegotiationFailed({ step: "setRemoteDescription", cause }) })

const kindOf = (label: string): Kind | undefined =>
  label === labels.reliable ? "reliable" : label === labels.lossy ? "lossy" : undefined

const limitMessageSize = (sdp: string): string =>
  sdp.replace(/^a=max-message-size:\d+/gm, `a=max-message-size:${maxMessageSize}`)
