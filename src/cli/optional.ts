/**
 * Loads a part that needs optional packages, and says which to install when they are missing.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { type CommandFailed, failed } from "./CommandFailed.ts"

export const optional = <A>(load: () => Promise<A>, packages: ReadonlyArray<string>): Effect.Effect<A, CommandFailed> =>
  Effect.tryPromise(load).pipe(
    Effect.catch(({ cause }) =>
      Predicate.hasProperty(cause, "code") && cause.code === "ERR_MODULE_NOT_FOUND"
        ? Effect.fail(failed(`this needs: npm install ${packages.join(" ")}`))
        : Effect.die(cause)
    )
  )
