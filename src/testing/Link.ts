/**
 * One path between a client and a server: two directions, and the address that the client has on it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Direction from "./Direction.ts"

/**
 * The conditions of one direction, in the hands of a test.
 *
 * @category models
 */
export interface Control {
  readonly conditions: Effect.Effect<Direction.Conditions>
  /** Changes some conditions, from now on. */
  readonly set: (change: Partial<Direction.Conditions>) => Effect.Effect<void>
}

/**
 * One conversation over a link, bound to the address that the client had when it began.
 *
 * @category models
 */
export interface Port {
  /** From the client to the server. */
  readonly up: Direction.Way
  /** From the server to the client. */
  readonly down: Direction.Way
  readonly isUp: () => boolean
  /** One way and back. */
  readonly roundTrip: Effect.Effect<void>
  /** Moves to the address that the client has now. */
  readonly rebind: Effect.Effect<void>
  /** Emits a change, for who knows more of it than the link does. */
  readonly reconsider: Effect.Effect<void>
}

/**
 * A path between a client and a server.
 *
 * @category models
 */
export interface Link {
  /** From the client to the server. */
  readonly up: Control
  /** From the server to the client. */
  readonly down: Control
  /** Changes both directions. */
  readonly set: (change: Partial<Direction.Conditions>) => Effect.Effect<void>
  /** Begins a conversation. */
  readonly open: () => Port
  /** Gives the client a new address: nothing gets through any more on what was begun before. */
  readonly changeAddress: Effect.Effect<void>
  /** Whether the client sleeps; then nothing gets through. */
  readonly setAsleep: (isAsleep: boolean) => Effect.Effect<void>
}

/** Completes when something sent reliably has arrived. */
const arrival = (way: Direction.Way) =>
  Effect.scoped(
    Effect.flatMap(way.reliable, (send) => Effect.callback<void>((resume) => send(() => resume(Effect.void))))
  )

/**
 * A path without latency and loss, in the current scope.
 *
 * @category constructors
 */
export const make: Effect.Effect<Link, never, Scope.Scope> = Effect.gen(function* () {
  const up = yield* Direction.make
  const down = yield* Direction.make
  const update = ({ state }: Direction.Direction, change: Partial<Direction.State>) =>
    SubscriptionRef.update(state, (before) => ({ ...before, ...change }))
  const both = (change: Partial<Direction.State>) => Effect.andThen(update(up, change), update(down, change))
  const address = () => SubscriptionRef.getUnsafe(up.state).address
  const control = (direction: Direction.Direction): Control => ({
    conditions: SubscriptionRef.get(direction.state),
    set: (change) => update(direction, change)
  })
  return {
    up: control(up),
    down: control(down),
    set: both,
    open: () => {
      const binding = { address: address() }
      const port = { up: up.bind(binding), down: down.bind(binding) }
      return {
        ...port,
        isUp: () => port.up.isUp() && port.down.isUp(),
        roundTrip: Effect.andThen(arrival(port.up), arrival(port.down)),
        reconsider: both({}),
        rebind: Effect.suspend(() => {
          binding.address = address()
          return both({})
        })
      }
    },
    changeAddress: Effect.suspend(() => both({ address: address() + 1 })),
    setAsleep: (isAsleep) => both({ isAsleep })
  }
})
