/**
 * Some turns of the event loop, after which what native threads had posted to it before has been handled.
 */
import * as Effect from "effect/Effect"
import { setImmediate } from "node:timers/promises"

/** More than one, because what a turn handles may have been posted in steps. */
const enough = 8

export const turns: Effect.Effect<void> = Effect.promise(() => setImmediate()).pipe(
  Effect.repeat({ times: enough - 1 }),
  Effect.asVoid
)
