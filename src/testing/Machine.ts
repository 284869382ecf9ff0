/**
 * The machine that a participant runs on: it can sleep, and then none of its timers falls due.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/**
 * What a participant runs on.
 *
 * @category models
 */
export interface Machine {
  /** The time of the world, in which nothing falls due while the machine sleeps: it does when the machine wakes. */
  readonly clock: Clock.Clock
  readonly isAsleep: () => boolean
  /** Runs something at once, or, while the machine sleeps, when it wakes. Keeps the order. */
  readonly whenAwake: (run: () => void) => void
  readonly sleep: Effect.Effect<void>
  readonly wake: Effect.Effect<void>
}

/**
 * A machine that is awake, on the current Clock.
 *
 * @category constructors
 */
export const make: Effect.Effect<Machine> = Effect.gen(function* () {
  const world = yield* Clock.Clock
  const awake = yield* Latch.make(true)
  const self = { isAsleep: false }
  const waiting: Array<() => void> = []
  return {
    clock: {
      currentTimeMillisUnsafe: () => world.currentTimeMillisUnsafe(),
      currentTimeMillis: world.currentTimeMillis,
      currentTimeNanosUnsafe: () => world.currentTimeNanosUnsafe(),
      currentTimeNanos: world.currentTimeNanos,
      monotonicTimeNanosUnsafe: () => world.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: world.monotonicTimeNanos,
      sleep: (duration) => Effect.andThen(world.sleep(duration), awake.await)
    },
    isAsleep: () => self.isAsleep,
    whenAwake: (run) => {
      if (self.isAsleep) waiting.push(run)
      else run()
    },
    sleep: Effect.suspend(() => {
      self.isAsleep = true
      return Effect.asVoid(awake.close)
    }),
    wake: Effect.suspend(() => {
      self.isAsleep = false
      for (const run of waiting.splice(0)) run()
      return Effect.asVoid(awake.open)
    })
  }
})
