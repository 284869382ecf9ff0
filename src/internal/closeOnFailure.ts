import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

/**
 * Runs a scoped acquisition in a scope of its own below the current one: on success it lives as long as the current scope, on
 * failure and interruption what was acquired is released at once.
 */
export const closeOnFailure = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const child = yield* Scope.fork(yield* Effect.scope)
      return yield* restore(Scope.provide(effect, child)).pipe(
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(child, exit) : Effect.void))
      )
    })
  )
