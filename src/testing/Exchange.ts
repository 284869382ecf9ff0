/**
 * Where linked peer connections find each other.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Association from "./Association.ts"
import * as Links from "./Link.ts"
import type { Link } from "./Link.ts"

/** One side, as the other finds it. */
export interface Peer {
  readonly end: Association.End
  readonly link: Link | undefined
  readonly ufrag: () => string | undefined
  readonly remoteUfrag: () => string | undefined
  /** Both descriptions are in force. */
  readonly isSettled: () => boolean
  readonly hasCandidate: () => boolean
  association: { readonly value: Association.Association; readonly credentials: string } | undefined
}

/**
 * Where linked peer connections find each other, by the ICE credentials of their descriptions. Both sides need the same one.
 *
 * @example
 * ```ts
 * import { LinkedPeerConnection } from "effect-livekit/testing"
 * import { Layer } from "effect"
 *
 * const oneSide = LinkedPeerConnection.layer()
 * const withExchange = Layer.provideMerge(oneSide, LinkedPeerConnection.layerExchange)
 * ```
 *
 * @category services
 */
export class Exchange extends Context.Service<
  Exchange,
  {
    readonly nextUfrag: Effect.Effect<string>
    readonly peers: Map<string, Peer>
    /** Two ends that look for each other at once must not both join them. */
    readonly turn: Semaphore.Semaphore
    readonly scope: Scope.Scope
    /** The time and the chance of the world, which go on whatever becomes of a client. */
    readonly world: Context.Context<never>
    /** The path between two ends of which neither has one. */
    readonly ideal: Link
  }
>()("effect-livekit/testing/LinkedPeerConnection/Exchange") {}

/**
 * A meeting place without peer connections yet.
 *
 * @example
 * ```ts
 * import { PeerConnectionFactory } from "effect-livekit"
 * import { LinkedPeerConnection } from "effect-livekit/testing"
 * import { Context, Effect, Layer } from "effect"
 *
 * const bothSides = Effect.gen(function* () {
 *   const exchange = yield* Layer.build(LinkedPeerConnection.layerExchange)
 *   const side = Effect.map(Layer.build(LinkedPeerConnection.layer()), (built) =>
 *     Context.get(built, PeerConnectionFactory.PeerConnectionFactory)
 *   )
 *   return yield* Effect.all([side, side]).pipe(Effect.provideContext(exchange))
 * })
 * ```
 *
 * @category layers
 */
export const layer: Layer.Layer<Exchange> = Layer.effect(
  Exchange,
  Effect.gen(function* () {
    const count = yield* Ref.make(0)
    return {
      nextUfrag: Effect.map(
        Ref.updateAndGet(count, (before) => before + 1),
        (number) => `linked${number}`
      ),
      peers: new Map<string, Peer>(),
      turn: yield* Semaphore.make(1),
      scope: yield* Effect.scope,
      world: yield* Effect.context<never>(),
      ideal: yield* Links.make
    }
  })
)

/** Joins this peer connection to the other one as soon as both know enough. */
export const meet = (exchange: Exchange["Service"], peer: Peer): Effect.Effect<void> =>
  exchange.turn.withPermit(join(exchange, peer))

const join = Effect.fnUntraced(function* (exchange: Exchange["Service"], peer: Peer) {
  const other = exchange.peers.get(peer.remoteUfrag() ?? "")
  if (other === undefined || !peer.isSettled() || !other.isSettled()) return
  if (other.remoteUfrag() !== peer.ufrag() || !(peer.hasCandidate() || other.hasCandidate())) return
  const credentials = [peer.ufrag(), other.ufrag()].toSorted().join()
  const existing = peer.association
  if (existing?.credentials === credentials) return
  if (existing !== undefined) {
    peer.association = { ...existing, credentials }
    other.association = peer.association
    return existing.value.restart()
  }
  const [near, far] = peer.link === undefined && other.link !== undefined ? [other, peer] : [peer, other]
  const value = yield* Association.make(near.end, far.end, near.link ?? exchange.ideal).pipe(
    Scope.provide(exchange.scope),
    Effect.provideContext(exchange.world)
  )
  peer.association = { value, credentials }
  other.association = peer.association
})
