import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { DisconnectCause } from "../DisconnectCause.ts"

/** A fiber that dies must not leave behind an engine that says it is connected. */
export const reportDefect =
  (report: (cause: DisconnectCause) => void) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.onExit(effect, (exit) => {
      const defect = Exit.findDefect(exit)
      return Result.isSuccess(defect)
        ? Effect.sync(() => report({ _tag: "Defect", cause: defect.success }))
        : Effect.void
    })
