/**
 * How time passes in a test: everything that was begun goes on first, and what falls due then happens in its order.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

/** More turns than anything here takes without waiting for time: joining takes thirty. */
const turns = 200

export const settle: Effect.Effect<void> = Effect.asVoid(Effect.repeat(Effect.yieldNow, { times: turns }))

/** Lets time pass until an effect is done, or so much time has passed. */
export const until = <A, E, R, E2>(
  effect: Effect.Effect<A, E, R>,
  within: Duration.Input,
  orElse: () => Effect.Effect<A, E2>
): Effect.Effect<A, E | E2, R> =>
  Effect.raceFirst(effect, settle.pipe(Effect.andThen(pass(within)), Effect.andThen(settle), Effect.andThen(orElse)))

/** On a Clock that is not a test's, time passes by itself. */
export const pass = (duration: Duration.Input): Effect.Effect<void> =>
  Clock.clockWith((clock) =>
    "adjust" in clock
      ? // Somebody else may be letting time pass already. That is noticed a moment late, behind all that falls due.
        Effect.raceFirst(TestClock.adjust(duration), Effect.delay(Effect.sleep(duration), 1))
      : Effect.sleep(duration)
  )
