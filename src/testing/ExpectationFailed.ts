/**
 * What was expected did not happen; the message shows what did.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as History from "./History.ts"

/**
 * What was expected did not happen in time. Its message says what, why the last look failed, and the recent history.
 *
 * @example
 * ```ts
 * import { Expect, ExpectationFailed } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const error = yield* Effect.flip(Expect.event("alice", "Resumed", { within: "5 seconds" }))
 *   return error instanceof ExpectationFailed ? error.history : []
 * })
 * ```
 *
 * @category errors
 */
export class ExpectationFailed extends Data.TaggedError("ExpectationFailed")<{
  readonly expected: string
  /** Milliseconds for which it was waited. */
  readonly within: number
  /** Why the last look at it failed, where it was looked at. */
  readonly lastFailure: string | undefined
  readonly history: ReadonlyArray<History.Entry>
}> {
  override get message() {
    const { expected, history, lastFailure, within } = this
    return [
      `not within ${Duration.format(Duration.millis(within))}: ${expected}`,
      ...(lastFailure === undefined ? [] : [lastFailure]),
      ...(history.length === 0 ? [] : ["", History.render(history)])
    ].join("\n")
  }
}

export const failed = (
  expected: string,
  within: Duration.Input,
  lastFailure?: string
): Effect.Effect<never, ExpectationFailed> =>
  Effect.flatMap(History.History, (history) =>
    Effect.fail(
      new ExpectationFailed({
        expected,
        within: Duration.toMillis(Duration.fromInputUnsafe(within)),
        lastFailure,
        history: history.entries()
      })
    )
  )
