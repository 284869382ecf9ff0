/**
 * Whether the media path of a session is alive, by what the far end answers: the state of a peer connection says so half a minute
 * after the path has died.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type { Answered } from "../EngineEvent.ts"
import { PathDead, PeerConnectionError } from "../PeerConnectionError.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"

export interface PathLiveness {
  /** Waits for an answer on every peer connection that is needed; fails with `PathDead`. */
  readonly prove: Effect.Effect<ReadonlyArray<Answered>, PeerConnectionError>
  /** Asks in the background, unless a question is open. */
  readonly ask: Effect.Effect<void>
  /** Connected, and no question has been open for so long that the path is taken for dead. */
  readonly isAlive: Effect.Effect<boolean>
}

type Path = Pick<PeerConnectionTransport, "target" | "state" | "roundTrip">

/** An open question, by the time it was asked; a failed one was asked long ago. */
type Question = number | undefined

export const make = Effect.fnUntraced(function* (options: {
  readonly needed: Effect.Effect<ReadonlyArray<Path>>
  /** Milliseconds that an answer may take. */
  readonly timeout: number
}): Effect.fn.Return<PathLiveness, never, Scope.Scope> {
  const { needed, timeout } = options
  const asking = yield* FiberHandle.make<void>()
  const question = yield* Ref.make<Question>(undefined)
  const everyNeeded = <A, E>(use: (transport: Path) => Effect.Effect<A, E>) =>
    Effect.flatMap(needed, (transports) => Effect.forEach(transports, use, { concurrency: "unbounded" }))

  const answered = Effect.fnUntraced(function* ({ roundTrip, target }: Path) {
    const asked = yield* Clock.currentTimeMillis
    yield* roundTrip
    return { target, millis: (yield* Clock.currentTimeMillis) - asked } satisfies Answered
  })

  return {
    prove: everyNeeded((transport) =>
      answered(transport).pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () =>
            Effect.fail(
              new PeerConnectionError({ reason: new PathDead({ target: transport.target, millis: timeout }) })
            )
        })
      )
    ).pipe(
      Effect.tap(() => Effect.andThen(FiberHandle.clear(asking), Ref.set(question, undefined))),
      Effect.tapError(() => Ref.set(question, -Infinity))
    ),
    ask: Effect.flatMap(Clock.currentTimeMillis, (now) =>
      FiberHandle.run(
        asking,
        Ref.update(question, (open) => open ?? now).pipe(
          Effect.andThen(everyNeeded(answered)),
          Effect.matchEffect({
            onSuccess: () => Ref.set(question, undefined),
            onFailure: () => Ref.set(question, -Infinity)
          })
        ),
        { onlyIfMissing: true }
      )
    ).pipe(Effect.asVoid),
    isAlive: Effect.gen(function* () {
      const open = yield* Ref.get(question)
      if (open !== undefined && (yield* Clock.currentTimeMillis) - open >= timeout) return false
      // Asked with every lossy packet: one after the other, without fibers.
      for (const { state } of yield* needed) if ((yield* state) !== "connected") return false
      return true
    })
  }
})
