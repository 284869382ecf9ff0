import * as Effect from "effect/Effect"
import { setImmediate } from "node:timers/promises"
import { collector } from "../node/collect.ts"

/**
 * Has the closed peer connections collected now.
 *
 * One that is still uncollected when the process ends is destroyed after its data channels, which it then uses: wrtc aborted or
 * faulted so in one process of twenty that had made two hundred. One that is collected before lets go of them in order.
 */
export const collect: Effect.Effect<void> = Effect.gen(function* () {
  const gc = yield* Effect.sync(collector)
  // wrtc lets go of a peer connection in steps, each in a turn of the loop of its own.
  yield* Effect.repeat(turn, { times: 3 })
  yield* Effect.sync(gc)
  // What was found is destroyed in the next.
  yield* turn
})

const turn = Effect.promise(() => setImmediate())
