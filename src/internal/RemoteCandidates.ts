/**
 * Candidates of the far end: added at once, or kept until the remote description is in force to which they belong (PT2, PT14).
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { Target } from "../PeerConnectionError.ts"
import type { IceCandidate, PeerConnection } from "../PeerConnectionFactory.ts"

export interface RemoteCandidates {
  readonly add: (candidate: IceCandidate) => Effect.Effect<void>
  /** Keeps from now on what comes, until the next description. */
  readonly hold: Effect.Effect<void>
  /** A description is in force: adds what was kept. Whether anything was to be kept. */
  readonly release: Effect.Effect<boolean>
}

/** Keeps candidates until the first description. */
export const make = Effect.fnUntraced(function* (
  target: Target,
  peer: PeerConnection
): Effect.fn.Return<RemoteCandidates> {
  /** None while candidates can be added at once. */
  const held = yield* Ref.make(Option.some<ReadonlyArray<IceCandidate>>([]))
  // A candidate that cannot be used is one path less, not a failure of the session (V26).
  const addNow = (candidate: IceCandidate) =>
    peer
      .addIceCandidate(candidate)
      .pipe(Effect.catch((error) => Effect.logDebug(`${target} ignored a candidate`, error.reason)))
  return {
    add: (candidate) =>
      Ref.modify(held, (candidates) => [
        Option.isSome(candidates) ? Effect.void : addNow(candidate),
        Option.map(candidates, (all) => [...all, candidate])
      ]).pipe(Effect.flatten),
    hold: Ref.update(held, (candidates) => Option.orElseSome(candidates, () => [])),
    release: Effect.gen(function* () {
      const candidates = yield* Ref.getAndSet(held, Option.none())
      yield* Effect.forEach(
        Option.getOrElse(candidates, () => []),
        addNow,
        { discard: true }
      )
      return Option.isSome(candidates)
    })
  }
})
