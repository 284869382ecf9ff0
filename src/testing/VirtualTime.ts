/**
 * Letting time pass for engines, servers and networks on the test's Clock.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type ExpectationFailed, failed } from "./ExpectationFailed.ts"
import * as passing from "./passing.ts"

/**
 * Lets everything that was begun go as far as it can before time passes. Inside {@link advancing} time passes meanwhile.
 *
 * @example
 * ```ts
 * import { VirtualTime } from "effect-livekit/testing"
 *
 * const begun = VirtualTime.settle
 * ```
 *
 * @category time
 */
export const settle: Effect.Effect<void> = passing.settle

/**
 * Lets time pass: what was begun goes on first, and everything that falls due meanwhile happens in its order.
 *
 * @example
 * ```ts
 * import { VirtualTime } from "effect-livekit/testing"
 *
 * const outage = VirtualTime.elapse("40 seconds")
 * ```
 *
 * @category time
 */
export const elapse = (duration: Duration.Input): Effect.Effect<void> =>
  settle.pipe(Effect.andThen(passing.pass(duration)), Effect.andThen(settle))

/**
 * Runs an effect and lets time pass until it is done, and no longer. Fails with the recent history when it is not done within
 * ten minutes, or the time given.
 *
 * @example
 * ```ts
 * import { TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const connected = Effect.gen(function* () {
 *   const server = yield* TestServer.TestServer
 *   const engine = yield* TestRTCEngine.make("alice")
 *   const token = yield* server.token({ identity: "alice", room: "hall" })
 *   yield* VirtualTime.advancing(engine.connect({ url: server.url, token }), { within: "30 seconds" })
 *   return engine
 * })
 * ```
 *
 * @category time
 */
export const advancing = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options: { readonly within?: Duration.Input | undefined; readonly what?: string | undefined } = {}
): Effect.Effect<A, E | ExpectationFailed, R> => {
  const { what = "what was begun comes to its end", within = "10 minutes" } = options
  return passing.until(effect, within, () => failed(what, within))
}
