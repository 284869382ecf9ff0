import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionState } from "../ConnectionState.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { Session } from "./Session.ts"

/**
 * Completes when the server has everything that was accepted. Only its answer to a resume says what it has (`lastMessageSeq`): an
 * answer over the media path can overtake data. Where a session cannot be resumed that answer has to do. Over outages it waits; a
 * connection that ends is for the caller to notice.
 */
export const flush = (
  options: {
    readonly core: Pick<EngineCore, "report" | "sender">
    readonly session: Ref.Ref<Option.Option<Session>>
    readonly state: SubscriptionRef.SubscriptionRef<ConnectionState>
  },
  refused: Option.Option<Session> = Option.none()
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { core, state } = options
    const becomes = (isIt: (state: ConnectionState) => boolean) =>
      SubscriptionRef.changes(state).pipe(Stream.filter(isIt), Stream.runHead)
    const isConnected = (current: ConnectionState) => current === "Connected"

    yield* becomes(isConnected)
    yield* core.sender.flushed
    const session = yield* Ref.get(options.session)
    if (Option.isNone(session)) return yield* flush(options, refused)
    if (core.sender.inDoubt(yield* session.value.inDoubtSince).length === 0) return
    const isLost = becomes((current) => !isConnected(current))
    // A server that began a new session instead of resuming will do so again.
    const mayResume = session.value.resumable && !(Option.isSome(refused) && refused.value !== session.value)
    if (mayResume) {
      core.report({ _tag: "Requested" })
      yield* isLost
      return yield* flush(options, session)
    }
    const answered = yield* Effect.raceFirst(
      Effect.option(session.value.liveness.prove),
      Effect.as(isLost, Option.none())
    )
    if (Option.isSome(answered)) return
    yield* isLost
    return yield* flush(options, refused)
  })
