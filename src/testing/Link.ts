/**
 * One path between a client and a server: two directions, each with conditions that may change at any time. Time is the Clock,
 * chance is Random.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

/**
 * Conditions of one direction.
 *
 * @category models
 */
export interface Conditions {
  /** Milliseconds one way; default 0. */
  readonly latency: number
  /** Milliseconds that may come on top, evenly distributed; default 0. */
  readonly jitter: number
  /** Share of datagrams that get lost, 0 to 1; what is sent reliably is only late. Default 0. */
  readonly loss: number
  /** Nothing gets through. Default false. */
  readonly isDown: boolean
}

/**
 * @category constants
 */
export const perfect: Conditions = { latency: 0, jitter: 0, loss: 0, isDown: false }

/**
 * Milliseconds after which what was lost on the way is sent again, beside the way itself (RFC 6298).
 *
 * @category constants
 */
export const retransmission = 200

/**
 * Sends something that takes effect at the far end by `deliver`, and calls `onSent` when it has left.
 *
 * @category models
 */
export type Send = (deliver: () => void, onSent?: () => void) => void

/**
 * @category models
 */
export interface Direction {
  readonly conditions: Effect.Effect<Conditions>
  readonly set: (change: Partial<Conditions>) => Effect.Effect<void>
  readonly isUp: () => boolean
  /** The current conditions, then every change. */
  readonly changes: Stream.Stream<Conditions>
  /** A way in the current scope that delivers all of it, in order, once it can. */
  readonly reliable: Effect.Effect<Send, never, Scope.Scope>
  /** Delivers, or loses; what is jittered may overtake. */
  readonly datagram: (deliver: () => void) => void
}

/**
 * @category models
 */
export interface Link {
  /** From the client to the server. */
  readonly up: Direction
  /** From the server to the client. */
  readonly down: Direction
  /** Changes both directions. */
  readonly set: (change: Partial<Conditions>) => Effect.Effect<void>
  /** One way and back. */
  readonly roundTrip: Effect.Effect<void>
}

interface InFlight {
  readonly at: number
  readonly deliver: () => void
}

const makeDirection = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const conditions = yield* SubscriptionRef.make(perfect)
  const current = () => SubscriptionRef.getUnsafe(conditions)
  const isUp = () => !current().isDown
  const changes = SubscriptionRef.changes(conditions)
  const up = Effect.suspend(() =>
    isUp()
      ? Effect.void
      : changes.pipe(
          Stream.filter(({ isDown }) => !isDown),
          Stream.runHead,
          Effect.asVoid
        )
  )
  const delay = Effect.suspend(() => {
    const { jitter, latency } = current()
    return jitter === 0 ? Effect.succeed(latency) : Effect.map(Random.next, (chance) => latency + chance * jitter)
  })
  const isLost = Effect.suspend(() => {
    const { loss } = current()
    return loss === 0 ? Effect.succeed(false) : Effect.map(Random.next, (chance) => chance < loss)
  })
  const until = (at: number) =>
    Effect.suspend(() => {
      const left = at - clock.currentTimeMillisUnsafe()
      return left > 0 ? Effect.sleep(left) : Effect.void
    })

  const reliable = Effect.gen(function* () {
    const outbox = yield* Queue.unbounded<{ readonly deliver: () => void; readonly onSent: () => void }>()
    const inFlight = yield* Queue.unbounded<InFlight>()
    yield* Effect.gen(function* () {
      const { deliver, onSent } = yield* Queue.take(outbox)
      yield* up
      onSent()
      const again = (yield* isLost) ? retransmission : 0
      Queue.offerUnsafe(inFlight, { at: clock.currentTimeMillisUnsafe() + (yield* delay) + again, deliver })
    }).pipe(Effect.forever, Effect.forkScoped)
    yield* Effect.gen(function* () {
      const { at, deliver } = yield* Queue.take(inFlight)
      yield* until(at)
      // What was on the way when the path broke is sent again when it is back.
      if (!isUp()) yield* Effect.andThen(up, Effect.sleep(retransmission))
      deliver()
    }).pipe(Effect.forever, Effect.forkScoped)
    const send: Send = (deliver, onSent = () => {}) => void Queue.offerUnsafe(outbox, { deliver, onSent })
    return send
  })

  const datagrams = yield* Queue.unbounded<() => void>()
  yield* Effect.gen(function* () {
    const deliver = yield* Queue.take(datagrams)
    if (!isUp() || (yield* isLost)) return
    const millis = yield* delay
    if (millis === 0) return deliver()
    yield* Effect.sleep(millis).pipe(
      Effect.andThen(Effect.sync(() => (isUp() ? deliver() : undefined))),
      Effect.forkIn(scope)
    )
  }).pipe(Effect.forever, Effect.forkScoped)

  const direction: Direction = {
    conditions: SubscriptionRef.get(conditions),
    set: (change) => SubscriptionRef.update(conditions, (before) => ({ ...before, ...change })),
    isUp,
    changes,
    reliable,
    datagram: (deliver) => void Queue.offerUnsafe(datagrams, deliver)
  }
  return direction
})

/**
 * Completes when something sent reliably has arrived.
 */
const arrival = (direction: Direction) =>
  Effect.scoped(
    Effect.flatMap(direction.reliable, (send) => Effect.callback<void>((resume) => send(() => resume(Effect.void))))
  )

/**
 * @category constructors
 */
export const make: Effect.Effect<Link, never, Scope.Scope> = Effect.gen(function* () {
  const up = yield* makeDirection
  const down = yield* makeDirection
  return {
    up,
    down,
    set: (change) => Effect.andThen(up.set(change), down.set(change)),
    roundTrip: Effect.andThen(arrival(up), arrival(down))
  }
})
