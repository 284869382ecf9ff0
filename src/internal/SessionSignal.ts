/**
 * The signal connections of one session, of which each takes the place of the one before.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import type { Incoming, SignalConnection, SignalEnd } from "../SignalConnection.ts"
import type { SignalError } from "../SignalError.ts"

export interface SessionSignal {
  readonly current: Effect.Effect<Option.Option<SignalConnection>>
  /** Closes the connection there is, and dials. */
  readonly replace: (
    dial: Effect.Effect<SignalConnection, SignalError, Scope.Scope>
  ) => Effect.Effect<SignalConnection, SignalError>
  /** Handles what comes over the current connection, one after the other, and then its end. */
  readonly listen: (
    connection: SignalConnection,
    on: {
      readonly message: (incoming: Incoming) => Effect.Effect<void>
      readonly end: (end: SignalEnd) => Effect.Effect<void>
    }
  ) => Effect.Effect<void>
}

/**
 * In the scope of the session. All connections live below the one place that is taken here, so that whoever comes later into the
 * scope can still say goodbye over the newest of them when it ends.
 */
export const make: Effect.Effect<SessionSignal, never, Scope.Scope> = Effect.gen(function* () {
  const all = yield* Scope.fork(yield* Effect.scope)
  const scope = yield* Ref.make(yield* Scope.fork(all))
  const current = yield* Ref.make(Option.none<SignalConnection>())
  return {
    current: Ref.get(current),
    replace: Effect.fnUntraced(function* (dial) {
      yield* Scope.close(yield* Ref.get(scope), Exit.void)
      const own = yield* Scope.fork(all)
      yield* Ref.set(scope, own)
      const connection = yield* Scope.provide(dial, own)
      yield* Ref.set(current, Option.some(connection))
      return connection
    }),
    listen: Effect.fnUntraced(function* (connection, on) {
      yield* Queue.take(connection.incoming).pipe(
        Effect.flatMap(on.message),
        Effect.forever,
        Effect.catchTag("Done", () => Effect.flatMap(connection.end, on.end)),
        Effect.forkIn(yield* Ref.get(scope))
      )
    })
  }
})
