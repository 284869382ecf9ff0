/**
 * One thing that the doctor looks at, and what was found.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export type CheckName =
  | "url"
  | "name"
  | "tls"
  | "token"
  | "websocket"
  | "first frame"
  | "udp"
  | "tcp"
  | "turn"
  | "data channel"
  | "resume"
  | "regions"

export interface Outcome {
  readonly status: "ok" | "warning" | "failed" | "skipped"
  /** What was found, in words. */
  readonly verdict: string
  /** The same for programs. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

export interface Check extends Outcome {
  readonly name: CheckName
  readonly millis: number
}

/** Told what is being looked at and what was found, as it happens. */
export interface Listener {
  readonly started: (name: CheckName) => Effect.Effect<void>
  readonly finished: (check: Check) => Effect.Effect<void>
}

export const ok = (verdict: string, details?: Outcome["details"]): Outcome => ({ status: "ok", verdict, details })
export const warning = (verdict: string, details?: Outcome["details"]): Outcome => ({
  status: "warning",
  verdict,
  details
})
export const failed = (verdict: string, details?: Outcome["details"]): Outcome => ({
  status: "failed",
  verdict,
  details
})
export const skipped = (verdict: string): Outcome => ({ status: "skipped", verdict })

/** Milliseconds for one check. */
const limit = 25_000

/** Looks, in bounded time, and tells the listener. */
export const look = Effect.fnUntraced(function* (
  listener: Listener,
  name: CheckName,
  effect: Effect.Effect<Outcome>
): Effect.fn.Return<Check> {
  yield* listener.started(name)
  const started = yield* Clock.currentTimeMillis
  const outcome = yield* effect.pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.succeed(failed(`there was no result within ${limit / 1000} s`))
    })
  )
  const check: Check = { name, ...outcome, millis: (yield* Clock.currentTimeMillis) - started }
  yield* listener.finished(check)
  return check
})
