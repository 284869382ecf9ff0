/**
 * Letting time pass for engines, servers and networks on the test's Clock.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

/** More turns than anything here takes without waiting for time. */
const turns = 500

/**
 * Lets everything that was begun go as far as it can before time passes.
 *
 * @category time
 */
export const settle: Effect.Effect<void> = Effect.asVoid(Effect.repeat(Effect.yieldNow, { times: turns }))

/**
 * Lets time pass: what was begun goes on first, and everything that falls due meanwhile happens in its order.
 *
 * @example
 * ```ts
 * import { VirtualTime } from "effect-livekit/testing"
 *
 * const outage = VirtualTime.elapse("40 seconds")
 * ```
 *
 * @category time
 */
export const elapse = (duration: Duration.Input): Effect.Effect<void> =>
  settle.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(settle))

/**
 * Runs an effect and lets time pass until it is done, a little at a time.
 *
 * @category time
 */
export const advancing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(effect, Effect.andThen(settle, Effect.forever(TestClock.adjust(step))))

/** Milliseconds. */
const step = 5
