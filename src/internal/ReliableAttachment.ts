import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"
import type { Channel } from "../DataChannel.ts"
import type { EngineCore } from "./EngineCore.ts"

/** Whether the reliable data of the engine goes onto the channel of a session; not after its scope. */
export interface ReliableAttachment {
  /**
   * Lets it. After a crash of the server nobody is there yet, and what is sent before they are back reaches nobody, so it waits for
   * them, but does not hold up the session.
   */
  readonly attach: Effect.Effect<void>
  /** Holds it back, whoever waits. */
  readonly detach: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (
  core: EngineCore,
  channel: Channel
): Effect.fn.Return<ReliableAttachment, never, Scope.Scope> {
  const detach = Effect.sync(core.sender.detach)
  yield* Effect.addFinalizer(() => detach)
  const waiting = yield* FiberHandle.make()
  const attach = Effect.sync(() => core.sender.attach(channel))
  const attachWhenComplete = core.others.complete.pipe(
    Effect.timeoutOrElse({
      duration: core.config.rejoinTimeout,
      orElse: () => Effect.sync(() => core.others.giveUp())
    }),
    Effect.andThen(attach)
  )
  return {
    attach: Effect.suspend(() =>
      core.others.isComplete
        ? attach
        : Effect.asVoid(FiberHandle.run(waiting, attachWhenComplete, { onlyIfMissing: true }))
    ),
    detach: Effect.andThen(FiberHandle.clear(waiting), detach)
  }
})
