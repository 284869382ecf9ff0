/**
 * One peer connection as a scoped value: a serial negotiator, candidates that wait for their description, and the connection
 * state as something to await. Statements PT1-PT18.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { EngineConfig } from "./EngineConfig.ts"
import { awaitConnected } from "./internal/awaitConnected.ts"
import * as Negotiator from "./internal/Negotiator.ts"
import * as RemoteCandidates from "./internal/RemoteCandidates.ts"
import * as RemoteSections from "./internal/RemoteSections.ts"
import { Closed, PeerConnectionError, type Target } from "./PeerConnectionError.ts"
import {
  type Capabilities,
  type DataChannelOptions,
  type IceCandidate,
  PeerConnectionFactory,
  type PeerConnectionState,
  type RtcConfiguration,
  type RtcDataChannel,
  type SessionDescription,
  type TransportCounters
} from "./PeerConnectionFactory.ts"
import type { RtcMedia, RtcTrackEvent } from "./RtcMedia.ts"
import * as Sdp from "./Sdp.ts"
import * as SdpMunging from "./SdpMunging.ts"

/**
 * What a transport is made with.
 *
 * @category models
 */
export interface TransportOptions {
  readonly target: Target
  readonly configuration: RtcConfiguration
  /**
   * Sends an offer to the far end (PT13); false if there is no way there, and then no answer is due until it is sent again. Absent
   * on a subscriber, which never offers (S36, PT7).
   */
  readonly sendOffer?: ((offer: { readonly sdp: string; readonly id: number }) => Effect.Effect<boolean>) | undefined
  /** A local candidate (OB1). */
  readonly onIceCandidate: (candidate: IceCandidate) => void
  /** A channel that the far end opened. */
  readonly onDataChannel: (channel: RtcDataChannel) => void
  /** A track that the far end sends, once its description is in force (OB3). */
  readonly onTrack?: ((track: RemoteMedia) => void) | undefined
  /** The far end has stopped sending in this section. */
  readonly onTrackEnded?: ((mid: string) => void) | undefined
}

/**
 * A track of the far end, and the ids that its description gives it.
 *
 * @category models
 */
export interface RemoteMedia extends RtcTrackEvent {
  readonly streamId: string | undefined
  readonly trackId: string | undefined
}

/**
 * A peer connection with its negotiator. It is closed with the scope it was made in.
 *
 * @category models
 */
export interface PeerConnectionTransport {
  readonly target: Target
  readonly capabilities: Capabilities
  /**
   * Asks for an offer and waits until one that covers this request is answered. Requests within 20 ms share an offer (PT6); the
   * first one, and one that restarts ICE, is made at once.
   *
   * @throws PeerConnectionError `NegotiationFailed`, `Closed`; every caller whose request is concerned gets it (V25)
   */
  readonly negotiate: (options?: { readonly iceRestart?: boolean }) => Effect.Effect<void, PeerConnectionError>
  /** An offer to be carried by the join request instead of `sendOffer`; it counts as sent. Once, before any `negotiate`. */
  readonly initialOffer: Effect.Effect<{ readonly sdp: string; readonly id: number }, PeerConnectionError>
  /** Waits until all that has been asked for so far is answered; errors as {@link negotiate}. */
  readonly negotiated: Effect.Effect<void, PeerConnectionError>
  /** The way back of answers is gone: an offer that is out does not time out until it is sent again. */
  readonly pauseDeadline: Effect.Effect<void>
  /** Sends an offer that is still unanswered again, under a new id: its answer was lost with the signal connection. */
  readonly repeatOffer: Effect.Effect<void>
  /** Applies the far end's answer; false if it answers an offer that is no longer current (PT18). */
  readonly acceptAnswer: (sdp: string, id: number) => Effect.Effect<boolean, PeerConnectionError>
  /** Applies the far end's offer and makes the answer (S142). */
  readonly acceptOffer: (sdp: string) => Effect.Effect<SessionDescription, PeerConnectionError>
  /** Adds a candidate, or keeps it until a remote description allows it (PT2). */
  readonly addIceCandidate: (candidate: IceCandidate) => Effect.Effect<void>
  /** Keeps candidates back until the next remote description, to which they belong (PT14); a past failure is forgotten. */
  readonly prepareForIceRestart: Effect.Effect<void>
  readonly setConfiguration: (configuration: RtcConfiguration) => Effect.Effect<void, PeerConnectionError>
  readonly createDataChannel: (
    label: string,
    options: DataChannelOptions
  ) => Effect.Effect<RtcDataChannel, PeerConnectionError>
  readonly state: Effect.Effect<PeerConnectionState>
  /** The current state, then every change. */
  readonly stateChanges: Stream.Stream<PeerConnectionState>
  /** Completes once connected; fails with `Failed` or `Closed`. */
  readonly connected: Effect.Effect<void, PeerConnectionError>
  /** Largest message in bytes that the far end takes, by its SDP (D2); infinite before its description or if it says 0. */
  readonly maxMessageSize: () => number
  readonly localDescription: () => SessionDescription | null
  readonly remoteDescription: () => SessionDescription | null
  readonly counters: Effect.Effect<TransportCounters>
  /** Completes when the far end has answered something sent after the call: the path is alive. Waits while it is not. */
  readonly roundTrip: Effect.Effect<void, PeerConnectionError>
  /** Tracks in and out; what is added or removed takes effect with the next negotiation. */
  readonly media: RtcMedia
  /** What offers are to say about a track from now on (S64, PT11). */
  readonly registerTrackBitrateInfo: (cid: string, info: SdpMunging.TrackBitrateInfo) => Effect.Effect<void>
}

/**
 * Makes transports.
 *
 * @category services
 */
export class Factory extends Context.Service<
  Factory,
  {
    readonly capabilities: Capabilities
    readonly make: (
      options: TransportOptions
    ) => Effect.Effect<PeerConnectionTransport, PeerConnectionError, Scope.Scope>
  }
>()("effect-livekit/PeerConnectionTransport/Factory") {}

/**
 * Makes a transport in the current scope.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  options: TransportOptions
): Effect.fn.Return<PeerConnectionTransport, PeerConnectionError, Scope.Scope | PeerConnectionFactory> {
  const factory = yield* PeerConnectionFactory
  const config = yield* EngineConfig
  const { target } = options
  const state = yield* SubscriptionRef.make<PeerConnectionState>("new")
  const states = yield* Queue.unbounded<PeerConnectionState>()
  const remoteTracks = RemoteSections.make(options)
  const bitrates = yield* Ref.make<SdpMunging.TrackBitrates>(new Map())
  const peer = yield* factory.make(options.configuration, {
    onIceCandidate: options.onIceCandidate,
    onDataChannel: options.onDataChannel,
    onTrack: remoteTracks.onTrack,
    onConnectionStateChange: (next) => Queue.offerUnsafe(states, next)
  })
  yield* Queue.take(states).pipe(
    Effect.flatMap((next) => SubscriptionRef.set(state, next)),
    Effect.forever,
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() => SubscriptionRef.set(state, "closed"))

  const lock = yield* Semaphore.make(1)
  const candidates = yield* RemoteCandidates.make(target, peer)
  const unsetOffer = yield* Ref.make<SessionDescription | undefined>(undefined)

  // What became of the old path says nothing about the new one: whoever waits for a restart must not fail at once.
  const forgetFailure = SubscriptionRef.update(state, (before) => (before === "failed" ? "connecting" : before))
  const beginRestart = Effect.andThen(candidates.hold, forgetFailure)

  // Remembered, because it is asked for with every packet: a runtime would write its description anew each time.
  const far = { maxMessageSize: Infinity }
  const setRemote = (description: SessionDescription) =>
    remoteTracks.describe(description.sdp, peer.setRemoteDescription(description)).pipe(
      Effect.tap(() =>
        Effect.sync(() => {
          far.maxMessageSize = Sdp.maxMessageSize(description.sdp)
        })
      ),
      Effect.andThen(candidates.release),
      Effect.flatMap((hadWaited) => (hadWaited ? forgetFailure : Effect.void))
    )

  const negotiator = yield* Negotiator.make({
    target,
    config,
    lock,
    createOffer: Effect.fnUntraced(function* ({ iceRestart }) {
      if (iceRestart) yield* beginRestart
      yield* Ref.set(unsetOffer, undefined)
      const offer = yield* peer.createOffer({ iceRestart })
      const munged = SdpMunging.offer(offer.sdp, yield* Ref.get(bitrates))
      if (munged === offer.sdp) return yield* Effect.as(peer.setLocalDescription(offer), offer.sdp)
      // What the runtime does not take is offered as the runtime made it (PT12).
      return yield* peer.setLocalDescription({ type: "offer", sdp: munged }).pipe(
        Effect.as(munged),
        Effect.catch(() => Effect.as(peer.setLocalDescription(offer), offer.sdp))
      )
    }),
    createInitialOffer: Effect.gen(function* () {
      const offer = yield* peer.createOffer({ iceRestart: false })
      // Where the server's ICE servers can still be applied, gathering waits for them.
      if (factory.capabilities.setConfiguration) yield* Ref.set(unsetOffer, offer)
      else yield* peer.setLocalDescription(offer)
      return offer.sdp
    }),
    applyAnswer: Effect.fnUntraced(function* (sdp) {
      const unset = yield* Ref.getAndSet(unsetOffer, undefined)
      if (unset !== undefined) yield* peer.setLocalDescription(unset)
      const offered = peer.localDescription()?.sdp ?? ""
      yield* setRemote({ type: "answer", sdp: SdpMunging.remoteAnswer(sdp, offered, yield* Ref.get(bitrates)) })
    }),
    currentOffer: Effect.map(Ref.get(unsetOffer), (unset) => (unset ?? peer.localDescription())?.sdp),
    sendOffer: options.sendOffer ?? (() => Effect.succeed(false))
  })

  // Between offers and answers, never during one; whoever waited for its turn may find the peer connection closed.
  const inTurn = <A>(change: Effect.Effect<A, PeerConnectionError>) =>
    SubscriptionRef.get(state).pipe(
      Effect.flatMap((now) =>
        now === "closed" ? Effect.fail(new PeerConnectionError({ reason: new Closed({ target }) })) : change
      ),
      lock.withPermit
    )

  const spanOf = (iceRestart: boolean) => ({
    "livekit.peer_connection.target": target,
    "livekit.negotiation.ice_restart": iceRestart
  })

  return {
    target,
    capabilities: factory.capabilities,
    // No span around it: who asks must have asked before anybody else has his turn.
    negotiate: ({ iceRestart = false } = {}) =>
      negotiator.negotiate({ iceRestart: iceRestart && factory.capabilities.iceRestart }),
    negotiated: negotiator.negotiated,
    initialOffer: negotiator.initialOffer.pipe(
      Effect.withSpan("PeerConnectionTransport.initialOffer", { attributes: spanOf(false) })
    ),
    repeatOffer: negotiator.repeatOffer,
    pauseDeadline: negotiator.pauseDeadline,
    acceptAnswer: negotiator.acceptAnswer,
    acceptOffer: (sdp) =>
      lock
        .withPermit(
          Effect.gen(function* () {
            yield* setRemote({ type: "offer", sdp })
            const created = yield* peer.createAnswer
            const answer = { ...created, sdp: SdpMunging.answer(created.sdp, sdp) }
            yield* peer.setLocalDescription(answer)
            return answer
          })
        )
        .pipe(Effect.withSpan("PeerConnectionTransport.answer", { attributes: spanOf(false) })),
    addIceCandidate: candidates.add,
    prepareForIceRestart: beginRestart,
    // Nothing of one that is closed (PT16).
    setConfiguration: (configuration) =>
      Effect.flatMap(SubscriptionRef.get(state), (now) =>
        now === "closed" ? Effect.void : peer.setConfiguration(configuration)
      ),
    createDataChannel: peer.createDataChannel,
    state: SubscriptionRef.get(state),
    stateChanges: SubscriptionRef.changes(state),
    connected: awaitConnected(target, state),
    maxMessageSize: () => far.maxMessageSize,
    localDescription: peer.localDescription,
    remoteDescription: peer.remoteDescription,
    counters: peer.counters,
    roundTrip: peer.roundTrip,
    media: {
      addTransceiver: (track, init) => inTurn(peer.media.addTransceiver(track, init)),
      removeTrack: (trackId) => inTurn(peer.media.removeTrack(trackId)),
      transceivers: peer.media.transceivers,
      stats: peer.media.stats
    },
    registerTrackBitrateInfo: (cid, info) => Ref.update(bitrates, (before) => new Map([...before, [cid, info]]))
  }
})

/**
 * Transports over the WebRTC runtime in the context.
 *
 * @category layers
 */
export const layer: Layer.Layer<Factory, never, PeerConnectionFactory> = Layer.effect(
  Factory,
  Effect.gen(function* () {
    const factory = yield* PeerConnectionFactory
    const config = yield* EngineConfig
    return {
      capabilities: factory.capabilities,
      make: (options) =>
        make(options).pipe(
          Effect.provideService(PeerConnectionFactory, factory),
          Effect.provideService(EngineConfig, config)
        )
    }
  })
)
