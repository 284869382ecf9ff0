/**
 * Whether media of a participant gets through, and what follows when it does not (L2, L3, J5).
 */
import * as Effect from "effect/Effect"
import type { Target } from "../PeerConnectionError.ts"
import type { PeerConnectionState } from "../PeerConnectionFactory.ts"

export interface MediaPath {
  readonly hasConnected: () => boolean
  /** It was given up, and nothing has restarted it since. */
  readonly isGone: () => boolean
  /** A peer connection has another state. */
  readonly changed: (target: Target, state: PeerConnectionState) => Effect.Effect<void>
  /** ICE is restarted. */
  readonly restarted: () => void
}

/** Milliseconds that a peer connection may be disconnected before it counts as failed (L2). */
const disconnectedTimeout = 15_000
/** Milliseconds that a participant stays without media (L2). */
const goneTimeout = 5_000

export const make = (options: {
  /** The peer connection that has to be there. */
  readonly primary: Target
  /** In turn with all that happens to the participant, once so many milliseconds have passed. */
  readonly after: (millis: number, then: Effect.Effect<void>) => Effect.Effect<void>
  /** For the first time. */
  readonly onConnected: Effect.Effect<void>
  readonly onQuality: (isConnected: boolean) => void
  /** The client may restart ICE with a resume. */
  readonly onFailed: Effect.Effect<void>
  /** It did not. */
  readonly onGone: Effect.Effect<void>
}): MediaPath => {
  const { after, primary } = options
  const self = {
    hasConnected: false,
    isGone: false,
    /** How often it was given up. */
    failures: 0,
    /** How often a peer connection has changed its state. */
    changes: { publisher: 0, subscriber: 0 }
  }
  const fail = Effect.gen(function* () {
    if (self.isGone) return
    self.isGone = true
    const failure = ++self.failures
    yield* options.onFailed
    yield* after(
      goneTimeout,
      Effect.suspend(() => (self.isGone && failure === self.failures ? options.onGone : Effect.void))
    )
  })
  return {
    hasConnected: () => self.hasConnected,
    isGone: () => self.isGone,
    changed: Effect.fnUntraced(function* (target, state) {
      const change = ++self.changes[target]
      if (state === "connected" && target === primary && !self.hasConnected) {
        self.hasConnected = true
        yield* options.onConnected
      }
      if (target === primary && (state === "connected" || state === "disconnected")) {
        options.onQuality(state === "connected")
      }
      if (state === "disconnected") {
        yield* after(
          disconnectedTimeout,
          Effect.suspend(() => (change === self.changes[target] ? fail : Effect.void))
        )
      }
      if (state === "failed" || state === "closed") yield* fail
    }),
    restarted: () => {
      self.isGone = false
    }
  }
}
