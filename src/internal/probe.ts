/**
 * Asking whether a connection still stands, and taking it up again if it does not.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionState } from "../ConnectionState.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { Session } from "./Session.ts"

class Silent extends Data.TaggedError("Silent") {}

/** Whether the server answers on the signal connection, and the far end on the media path. The first that does not ends it. */
const stands = ({ liveness, probe }: Session) => {
  const isTrue = (answer: Effect.Effect<boolean>) =>
    Effect.flatMap(answer, (is) => (is ? Effect.void : Effect.fail(new Silent())))
  return Effect.all([isTrue(probe), isTrue(liveness.isAlive), liveness.prove], { concurrency: "unbounded" }).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false)
  )
}

export const make = (options: {
  readonly report: EngineCore["report"]
  readonly session: Ref.Ref<Option.Option<Session>>
  readonly state: SubscriptionRef.SubscriptionRef<ConnectionState>
}) => {
  const state = SubscriptionRef.get(options.state)
  const reconnectNow = Effect.gen(function* () {
    const current = yield* state
    if (current !== "Disconnected" && current !== "Connecting") options.report({ _tag: "Requested" })
  })
  // An end of its own, which is being mended already: what did not answer may be another connection than the one there is then.
  const ended = SubscriptionRef.changes(options.state).pipe(
    Stream.filter((current) => current !== "Connected"),
    Stream.runHead,
    Effect.as(true)
  )
  const probe = Effect.gen(function* () {
    const session = yield* Ref.get(options.session)
    if ((yield* state) !== "Connected" || Option.isNone(session)) return yield* reconnectNow
    if (!(yield* Effect.raceFirst(stands(session.value), ended))) yield* reconnectNow
  })
  return { reconnectNow, probe }
}
