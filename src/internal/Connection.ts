/**
 * One connection of an engine at a time: starting its supervisor, ending it, and saying once how it ended.
 */
import { DisconnectReason, type JoinResponse } from "@livekit/protocol"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionState } from "../ConnectionState.ts"
import type { DisconnectCause } from "../DisconnectCause.ts"
import { AlreadyConnected, Defect, Ended, EngineError } from "../EngineError.ts"
import type { Disconnected } from "../EngineEvent.ts"
import type { Policy } from "../ReconnectPolicy.ts"
import type { RegionUrlProvider } from "../RegionUrlProvider.ts"
import type { ConnectOptions } from "../RTCEngine.ts"
import { closeOnFailure } from "./closeOnFailure.ts"
import type { EngineCore } from "./EngineCore.ts"
import { flush } from "./flush.ts"
import { packetsOf } from "./packetsOf.ts"
import type { Terminated } from "./reconnect.ts"
import type { Session } from "./Session.ts"
import * as spanAttributes from "./spanAttributes.ts"
import * as Supervisor from "./Supervisor.ts"

interface Running {
  readonly fiber: Deferred.Deferred<Fiber.Fiber<void>>
  readonly joined: Deferred.Deferred<JoinResponse, EngineError>
  readonly ended: Deferred.Deferred<Disconnected>
}

export const make = Effect.fnUntraced(function* (options: {
  readonly core: EngineCore
  readonly causes: Queue.Queue<DisconnectCause>
  readonly policy: Policy
  readonly regions: RegionUrlProvider["Service"]
  readonly session: Ref.Ref<Option.Option<Session>>
  readonly state: SubscriptionRef.SubscriptionRef<ConnectionState>
  readonly scope: Scope.Scope
}) {
  const { core, state } = options
  const running = yield* Ref.make(Option.none<Running>())
  const last = yield* Ref.make<Disconnected>({
    _tag: "Disconnected",
    reason: DisconnectReason.UNKNOWN_REASON,
    error: undefined
  })

  /** The last words of a connection: state, events, and whoever waits. */
  const conclude = (self: Running, exit: Exit.Exit<never, EngineError | Terminated>) =>
    Effect.gen(function* () {
      const wasJoined = yield* Deferred.isDone(self.joined)
      const end = endOf(exit)
      const failure = Option.getOrUndefined(Exit.findErrorOption(exit))
      const inDoubt = core.sender.inDoubt(failure?._tag === "Terminated" ? failure.inDoubtSince : Infinity)
      const unsent = core.sender.reset()
      core.received.clear()
      core.publications.clear()
      core.subscriptions.clear()
      yield* Ref.set(options.session, Option.none())
      core.others.clear()
      yield* Queue.clear(options.causes)
      yield* Ref.set(core.participant, Option.none())
      yield* Ref.set(running, Option.none())
      yield* Ref.set(last, end)
      yield* SubscriptionRef.set(state, "Disconnected")
      const error = end.error ?? new EngineError({ reason: new Ended({ why: end.reason }) })
      if (unsent.length > 0 || inDoubt.length > 0) {
        core.emit({ _tag: "Undelivered", unsent: packetsOf(unsent), inDoubt: packetsOf(inDoubt) })
      }
      core.emit(wasJoined ? end : { _tag: "FailedToConnect", error })
      yield* error.reason._tag === "Defect"
        ? Deferred.die(self.joined, error.reason.cause)
        : Deferred.fail(self.joined, error)
      yield* Deferred.succeed(self.ended, end)
    })

  const stop = (self: Running) =>
    Effect.gen(function* () {
      yield* Fiber.interrupt(yield* Deferred.await(self.fiber))
      yield* Deferred.await(self.ended)
    })

  const connect = Effect.fn("RTCEngine.connect")(function* (connect: ConnectOptions) {
    yield* Effect.annotateCurrentSpan(spanAttributes.ofServer(connect.url))
    const self: Running = {
      fiber: yield* Deferred.make<Fiber.Fiber<void>>(),
      joined: yield* Deferred.make<JoinResponse, EngineError>(),
      ended: yield* Deferred.make<Disconnected>()
    }
    const supervisor = Supervisor.run({
      ...options,
      joined: self.joined,
      setState: (next) => SubscriptionRef.set(state, next),
      connect: {
        url: connect.url,
        connectionMode: connect.connectionMode ?? "auto",
        autoSubscribe: connect.autoSubscribe ?? true,
        adaptiveStream: connect.adaptiveStream ?? false,
        rtc: connect.rtc ?? {},
        offerInJoin: core.config.offerInJoin === "auto",
        application: connect.applicationState ?? Effect.succeed({})
      }
    }).pipe(
      Effect.scoped,
      Effect.onExit((exit) => conclude(self, exit)),
      Effect.ignore
    )
    // Taken, begun, and bound to the scope in one step: what is taken and never begun would be in the way for ever.
    const begin = Effect.gen(function* () {
      const isFirst = yield* Ref.modify(running, (current) =>
        Option.isSome(current) ? [false, current] : [true, Option.some(self)]
      )
      if (!isFirst) return yield* new EngineError({ reason: new AlreadyConnected() })
      yield* Ref.set(core.token, connect.token)
      // The connection ends with the caller's scope, or with the engine's, whichever closes first.
      const fiber = yield* Effect.forkIn(supervisor, options.scope, { startImmediately: true, uninterruptible: false })
      yield* Deferred.succeed(self.fiber, fiber)
      yield* Effect.addFinalizer(() => stop(self))
    })
    yield* Effect.uninterruptible(begin)
    return yield* Deferred.await(self.joined)
  }, closeOnFailure)

  const current = Ref.get(running)
  const disconnect = Effect.flatMap(current, (self) => (Option.isSome(self) ? stop(self.value) : Effect.void))
  return {
    connect,
    disconnect,
    disconnectAfterFlush: (deadline: Duration.Input) =>
      Effect.gen(function* () {
        const self = yield* current
        if (Option.isNone(self)) return true
        // What ends by itself has said what it could not deliver.
        const flushed = Effect.raceFirst(
          Effect.as(flush(options), true),
          Effect.as(Deferred.await(self.value.ended), false)
        )
        const hasArrived = yield* Effect.timeoutOption(flushed, deadline)
        yield* disconnect
        return Option.getOrElse(hasArrived, () => false)
      }),
    disconnected: Effect.flatMap(current, (self) =>
      Option.isSome(self) ? Deferred.await(self.value.ended) : Ref.get(last)
    )
  }
})

const endOf = (exit: Exit.Exit<never, EngineError | Terminated>): Disconnected => {
  const error = Exit.findErrorOption(exit)
  const defect = Exit.findDefect(exit)
  if (Result.isSuccess(defect)) {
    const error = new EngineError({ reason: new Defect({ cause: defect.success }) })
    return { _tag: "Disconnected", reason: DisconnectReason.UNKNOWN_REASON, error }
  }
  if (Option.isNone(error)) {
    // Interrupted: by disconnect, or because a scope closed.
    return { _tag: "Disconnected", reason: DisconnectReason.CLIENT_INITIATED, error: undefined }
  }
  return error.value._tag === "Terminated"
    ? { _tag: "Disconnected", reason: error.value.reason, error: error.value.error }
    : { _tag: "Disconnected", reason: DisconnectReason.JOIN_FAILURE, error: error.value }
}
