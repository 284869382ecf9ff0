/**
 * One direction of a path between a client and a server, with conditions that may change at any time. Time is the Clock, chance
 * is Random.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

/**
 * Conditions of one direction.
 *
 * @example
 * ```ts
 * import type { Conditions } from "effect-livekit/testing"
 *
 * const mobile: Partial<Conditions> = { latency: 60, jitter: 40, loss: 0.02, bandwidth: 1_000_000 }
 * ```
 *
 * @category models
 */
export interface Conditions {
  /** Milliseconds one way; default 0. */
  readonly latency: number
  /** Milliseconds that may come on top, evenly distributed; default 0. */
  readonly jitter: number
  /** Share of packets that get lost, 0 to 1: datagrams are gone, what is sent reliably is only late. Default 0. */
  readonly loss: number
  /** Bits per second that all traffic of this direction shares; what is sent faster waits for its turn. Default Infinity. */
  readonly bandwidth: number
  /** Nothing gets through. Default false. */
  readonly isDown: boolean
}

/**
 * No latency, no loss.
 *
 * @category constants
 */
export const perfect: Conditions = { latency: 0, jitter: 0, loss: 0, bandwidth: Infinity, isDown: false }

/**
 * Milliseconds after which what was lost on the way is sent again, beside the way itself (RFC 6298); twice as long each time.
 *
 * @category constants
 */
export const retransmission = 200

/**
 * Sends something of a size in bytes that takes effect at the far end by `deliver`, and calls `onSent` when it has left.
 *
 * @category models
 */
export type Send = (deliver: () => void, size?: number, onSent?: () => void) => void

/** What is known of a direction: its conditions, and whether the client and its address are still there. */
export interface State extends Conditions {
  readonly isAsleep: boolean
  /** Counts the addresses that the client has had. */
  readonly address: number
}

/** The address that a conversation was begun on, or has moved to. */
export interface Binding {
  address: number
}

/**
 * A direction, for one conversation: what was begun on an address gets through on that address only.
 *
 * @category models
 */
export interface Way {
  readonly isUp: () => boolean
  /** Emits now, and whenever {@link isUp} may have changed. */
  readonly changes: Stream.Stream<unknown>
  /** A way in the current scope that delivers all of it, in order, once it can. */
  readonly reliable: Effect.Effect<Send, never, Scope.Scope>
  /** Delivers, or loses; what is jittered may overtake. */
  readonly datagram: Send
}

export interface Direction {
  readonly state: SubscriptionRef.SubscriptionRef<State>
  readonly bind: (binding: Binding) => Way
}

interface Datagram {
  readonly isUp: () => boolean
  readonly size: number
  readonly deliver: () => void
  readonly onSent: () => void
}

const nothing = () => {}

export const make: Effect.Effect<Direction, never, Scope.Scope> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const state = yield* SubscriptionRef.make<State>({ ...perfect, isAsleep: false, address: 0 })
  const changes = SubscriptionRef.changes(state)
  const current = () => SubscriptionRef.getUnsafe(state)
  const now = () => clock.currentTimeMillisUnsafe()
  const until = (at: number) =>
    Effect.suspend(() => {
      const left = at - now()
      return left > 0 ? Effect.sleep(left) : Effect.void
    })
  const line = { freeAt: 0 }
  /** Waits for the line, and until it has taken so many bytes. */
  const transmit = (size: number) =>
    Effect.suspend(() => {
      const { bandwidth } = current()
      if (bandwidth === Infinity || size === 0) return Effect.void
      line.freeAt = Math.max(line.freeAt, now()) + (size * 8_000) / bandwidth
      return until(line.freeAt)
    })
  const delay = Effect.suspend(() => {
    const { jitter, latency } = current()
    return jitter === 0 ? Effect.succeed(latency) : Effect.map(Random.next, (chance) => latency + chance * jitter)
  })
  const isLost = Effect.suspend(() => {
    const { loss } = current()
    return loss === 0 ? Effect.succeed(false) : Effect.map(Random.next, (chance) => chance < loss)
  })
  /** Milliseconds by which losses make something late that is sent until it arrives. */
  const lateness = (timeout: number): Effect.Effect<number> =>
    Effect.flatMap(isLost, (lost) =>
      lost ? Effect.map(lateness(timeout * 2), (more) => timeout + more) : Effect.succeed(0)
    )

  const datagrams = yield* Queue.unbounded<Datagram>()
  yield* Effect.gen(function* () {
    const { deliver, isUp, onSent, size } = yield* Queue.take(datagrams)
    yield* transmit(size)
    onSent()
    if (!isUp() || (yield* isLost)) return
    const millis = yield* delay
    if (millis === 0) return deliver()
    yield* Effect.sleep(millis).pipe(
      Effect.andThen(Effect.sync(() => (isUp() ? deliver() : undefined))),
      Effect.forkIn(scope)
    )
  }).pipe(Effect.forever({ disableYield: true }), Effect.forkScoped)

  const bind = (binding: Binding): Way => {
    const isUp = () => {
      const { address, isAsleep, isDown, loss } = current()
      return !isDown && !isAsleep && loss < 1 && binding.address === address
    }
    const up = Effect.suspend(() =>
      isUp() ? Effect.void : changes.pipe(Stream.filter(isUp), Stream.runHead, Effect.asVoid)
    )
    const reliable = Effect.gen(function* () {
      const outbox = yield* Queue.unbounded<Omit<Datagram, "isUp">>()
      const inFlight = yield* Queue.unbounded<{ readonly at: number; readonly deliver: () => void }>()
      yield* Effect.gen(function* () {
        const { deliver, onSent, size } = yield* Queue.take(outbox)
        yield* up
        yield* transmit(size)
        onSent()
        const late = (yield* delay) + (yield* lateness(retransmission))
        Queue.offerUnsafe(inFlight, { at: now() + late, deliver })
      }).pipe(Effect.forever({ disableYield: true }), Effect.forkScoped)
      yield* Effect.gen(function* () {
        const { at, deliver } = yield* Queue.take(inFlight)
        yield* until(at)
        // What was on the way when the path broke is sent again when it is back.
        if (!isUp()) yield* Effect.andThen(up, Effect.sleep(retransmission))
        deliver()
      }).pipe(Effect.forever({ disableYield: true }), Effect.forkScoped)
      const send: Send = (deliver, size = 0, onSent = nothing) =>
        void Queue.offerUnsafe(outbox, { deliver, size, onSent })
      return send
    })
    return {
      isUp,
      changes,
      reliable,
      datagram: (deliver, size = 0, onSent = nothing) =>
        void Queue.offerUnsafe(datagrams, { isUp, deliver, size, onSent })
    }
  }
  return { state, bind }
})
