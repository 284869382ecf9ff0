/**
 * The one fiber that owns a connection from its first join to its end. Every cause of trouble comes to it as a value; what comes
 * during an attempt is folded into the next decision, and two attempts never run at once.
 */
import type { JoinResponse } from "@livekit/protocol"
import type * as Option from "effect/Option"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { ConnectionState } from "../ConnectionState.ts"
import type { DisconnectCause } from "../DisconnectCause.ts"
import { EngineError } from "../EngineError.ts"
import type { Policy } from "../ReconnectPolicy.ts"
import type { RegionUrlProvider } from "../RegionUrlProvider.ts"
import * as Attempts from "./Attempts.ts"
import type { EngineCore } from "./EngineCore.ts"
import { reconnect, type Terminated } from "./reconnect.ts"
import type { Session, SessionOptions } from "./Session.ts"

export interface SupervisorOptions {
  readonly core: EngineCore
  readonly causes: Queue.Queue<DisconnectCause>
  readonly policy: Policy
  readonly regions: RegionUrlProvider["Service"]
  readonly setState: (state: ConnectionState) => Effect.Effect<void>
  readonly session: Ref.Ref<Option.Option<Session>>
  readonly connect: SessionOptions
  readonly joined: Deferred.Deferred<JoinResponse, EngineError>
}

/** Joins, then keeps the connection until it cannot be kept. Its scope is that of the connection. */
export const run = Effect.fnUntraced(function* (
  options: SupervisorOptions
): Effect.fn.Return<never, EngineError | Terminated, Scope.Scope> {
  const { causes, core, setState } = options
  const attempts = yield* Attempts.make(options)

  const join: Effect.Effect<Attempts.Opened, EngineError> = attempts
    .run(attempts.openSession, {
      observe: () => Effect.void,
      isPointless: (cause) => cause._tag !== "Requested"
    })
    .pipe(
      Effect.catch((error) =>
        Effect.gen(function* () {
          // A region that fails is followed by the next one; a refused token is refused everywhere (V17).
          if (Attempts.recoveryOf(error) !== "GiveUp" && (yield* attempts.nextRegion)) return yield* join
          return yield* new EngineError({ reason: Attempts.reasonOf(error) })
        })
      )
    )

  yield* setState("Connecting")
  const { evidence, session } = yield* join
  yield* attempts.forgetRegions
  // One step: whoever ends what is said to be connected ends a connection, and not an attempt.
  yield* setState("Connected").pipe(
    Effect.andThen(Effect.sync(() => core.emit({ _tag: "Connected", evidence }))),
    Effect.andThen(Deferred.succeed(options.joined, session.join)),
    Effect.uninterruptible
  )

  return yield* Queue.take(causes).pipe(
    Effect.tap(attempts.learnRegions),
    Effect.flatMap((cause) => reconnect({ ...options, attempts }, cause)),
    Effect.forever
  )
})
