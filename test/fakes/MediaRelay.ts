/**
 * A {@link UdpRelay} on the media path of one engine: every remote candidate is replaced by a port of the relay, and the engine's
 * own are told to nobody.
 */
import { Effect, Layer, type Scope } from "effect"
import { PeerConnectionFactory } from "effect-livekit"
import * as UdpRelay from "./UdpRelay.ts"

export interface MediaRelay {
  /** Datagrams are dropped, either way, while blocked. */
  readonly setBlocked: (isBlocked: boolean) => Effect.Effect<void>
  readonly layer: Layer.Layer<
    PeerConnectionFactory.PeerConnectionFactory,
    never,
    PeerConnectionFactory.PeerConnectionFactory
  >
}

const hidden = (description: PeerConnectionFactory.SessionDescription) => ({
  ...description,
  sdp: UdpRelay.withoutCandidates(description.sdp)
})

export const make: Effect.Effect<MediaRelay, never, Scope.Scope> = Effect.map(UdpRelay.make(), (relay) => ({
  setBlocked: relay.setBlocked,
  layer: Layer.effect(
    PeerConnectionFactory.PeerConnectionFactory,
    Effect.map(PeerConnectionFactory.PeerConnectionFactory, (factory) => ({
      capabilities: factory.capabilities,
      make: (configuration, handlers) =>
        Effect.map(factory.make(configuration, { ...handlers, onIceCandidate: () => {} }), (peer) => ({
          ...peer,
          createOffer: (options) => Effect.map(peer.createOffer(options), hidden),
          createAnswer: Effect.map(peer.createAnswer, hidden),
          setRemoteDescription: (description) =>
            Effect.flatMap(
              Effect.promise(() => relay.relayedSdp(description.sdp)),
              (sdp) => peer.setRemoteDescription({ ...description, sdp })
            ),
          addIceCandidate: (candidate) =>
            Effect.flatMap(
              Effect.promise(() => relay.relayed(candidate.candidate)),
              (next) => (next === undefined ? Effect.void : peer.addIceCandidate({ ...candidate, candidate: next }))
            )
        }))
    }))
  )
}))
