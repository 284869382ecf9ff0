/**
 * What an engine does when the platform says something.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { ConnectionState } from "../ConnectionState.ts"
import { type PlatformEvent, PlatformEvents } from "../PlatformEvents.ts"

export const heedPlatform = Effect.fnUntraced(function* (engine: {
  readonly state: Effect.Effect<ConnectionState>
  readonly probe: Effect.Effect<void>
  readonly disconnect: Effect.Effect<void>
}): Effect.fn.Return<void, never, Scope.Scope> {
  const { subscribe } = yield* PlatformEvents
  const context = yield* Effect.context()
  const hints = yield* Queue.sliding<Exclude<PlatformEvent, "Ending">>(1)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      subscribe((event) => {
        if (event !== "Ending") return void Queue.offerUnsafe(hints, event)
        // As much as can be done is done before this returns: the program may not run after it.
        Effect.runForkWith(context)(engine.disconnect)
      })
    ),
    (unsubscribe) => Effect.sync(unsubscribe)
  )
  yield* Effect.gen(function* () {
    const hint = yield* Queue.take(hints)
    // Without a network an attempt is not worth making sooner.
    if (hint === "Offline" && (yield* engine.state) !== "Connected") return
    yield* engine.probe
  }).pipe(Effect.forever, Effect.forkScoped)
})
