/**
 * One outage, from its cause to the connection being back or given up (S82-S112).
 */
import type { DisconnectReason } from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import type { ConnectionState } from "../ConnectionState.ts"
import * as DisconnectCause from "../DisconnectCause.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import { EngineError, type EngineErrorReason, ReconnectExhausted } from "../EngineError.ts"
import * as Packet from "../Packet.ts"
import * as ReconnectPlan from "../ReconnectPlan.ts"
import type { Policy } from "../ReconnectPolicy.ts"
import { type Attempts, type AttemptError, reasonOf, recoveryOf } from "./Attempts.ts"
import type { EngineCore } from "./EngineCore.ts"
import { packetsOf } from "./packetsOf.ts"

/** Milliseconds for a region to answer dials again, as after a restart of what is in front of it. */
const regionPatience = 20_000

/** How a connection ended when nobody asked for it. */
export class Terminated extends Data.TaggedError("Terminated")<{
  readonly reason: DisconnectReason
  readonly error: EngineError
  /** Since when what was handed over is in doubt, in milliseconds; a server that says goodbye has what reached it. */
  readonly inDoubtSince: number
}> {}

// An outage is a trace of its own: the join may be hours ago.
export const reconnect = Effect.fn("RTCEngine.reconnect", { root: true })(function* (
  options: {
    readonly core: EngineCore
    readonly attempts: Attempts
    readonly causes: Queue.Queue<DisconnectCause.DisconnectCause>
    readonly policy: Policy
    readonly setState: (state: ConnectionState) => Effect.Effect<void>
  },
  cause: DisconnectCause.DisconnectCause
): Effect.fn.Return<void, Terminated> {
  const { attempts, causes, core, policy, setState } = options
  yield* Effect.annotateCurrentSpan({ "livekit.reconnect.cause": cause._tag })
  const started = yield* Clock.currentTimeMillis
  const plan = yield* Ref.make(ReconnectPlan.start(cause))
  const lastFailure = yield* Ref.make(DisconnectCause.toReason(cause))
  const shown = yield* Ref.make<ConnectionState>("Connected")
  const step = yield* Schedule.toStep(policy.schedule)
  const lost = yield* Ref.get(attempts.session)
  const inDoubtSince = Option.isSome(lost) ? yield* lost.value.inDoubtSince : started - core.config.inDoubtWindow

  /** A leave that answers an attempt says better than the first cause why it is over. */
  const terminate = (why: DisconnectCause.DisconnectCause, reason: EngineErrorReason, since = inDoubtSince) =>
    Effect.fail(
      new Terminated({
        reason: reason._tag === "LeaveReceived" ? reason.why : DisconnectCause.disconnectReason(why),
        error: new EngineError({ reason }),
        inDoubtSince: since
      })
    )

  const observe = (next: DisconnectCause.DisconnectCause) =>
    Ref.update(plan, (before) => ReconnectPlan.observe(before, next))

  const exhausted = Effect.gen(function* () {
    const millis = (yield* Clock.currentTimeMillis) - started
    const tries = (yield* Ref.get(plan)).attempts
    return yield* terminate(
      cause,
      new ReconnectExhausted({ attempts: tries, millis, cause: yield* Ref.get(lastFailure) })
    )
  })

  /** Folds in what was reported meanwhile; whole, or what was taken would be forgotten. */
  const observeAll = Effect.gen(function* () {
    for (const next of yield* Queue.clear(causes)) {
      yield* observe(next)
      yield* attempts.learnRegions(next)
    }
  }).pipe(Effect.uninterruptible)

  /** What is known now. */
  const evidence = Effect.gen(function* () {
    yield* observeAll
    const { asked, attempts: tries, goodbye } = yield* Ref.get(plan)
    if (goodbye !== undefined) {
      const since = goodbye._tag === "Leave" ? Infinity : inDoubtSince
      return yield* terminate(goodbye, DisconnectCause.toReason(goodbye), since)
    }
    const session = yield* Ref.get(attempts.session)
    // The answer tells the next decision.
    if (Option.isSome(session)) yield* session.value.liveness.ask
    return {
      attempt: tries + 1,
      cause,
      asked,
      pathAlive: Option.isSome(session) && (yield* session.value.liveness.isAlive),
      resumable: Option.isSome(session) && session.value.resumable
    }
  })

  const show = (decision: "Resume" | "Restart") =>
    Effect.gen(function* () {
      const state = decision === "Resume" ? "Resuming" : "Reconnecting"
      if ((yield* Ref.getAndSet(shown, state)) === state) return
      yield* setState(state)
      core.emit({ _tag: state, cause })
    })

  const decide = Effect.gen(function* () {
    const known = yield* evidence
    const decision = policy.decide(known)
    if (decision === "GiveUp") return yield* terminate(cause, yield* Ref.get(lastFailure))
    // A session that is gone cannot be resumed, whatever a policy says.
    const possible = decision === "Resume" && known.resumable ? "Resume" : "Restart"
    return { known, decision: possible } as const
  })

  const untilUrgent: Effect.Effect<void> = Effect.gen(function* () {
    yield* observeAll
    if ((yield* Ref.get(plan)).urgent) return
    yield* Queue.peek(causes)
    return yield* untilUrgent
  })

  // One step, as that of the first join: whoever sees the state has been told why.
  const isBack = (event: EngineEvent, isFullReconnect: boolean) =>
    setState("Connected").pipe(
      Effect.andThen(
        Effect.sync(() => {
          core.emit(event)
          core.emit({ _tag: "PostReconnect", isFullReconnect })
        })
      ),
      Effect.uninterruptible
    )

  const resume = Effect.gen(function* () {
    const session = yield* Ref.get(attempts.session)
    if (Option.isNone(session)) return yield* Effect.die("a resume was decided without a session")
    const restartsIce = core.transports.capabilities.iceRestart
    const { evidence: proof, replayed } = yield* attempts.run(session.value.resume(cause), {
      observe,
      isPointless: (next) => next._tag !== "Requested" && !(restartsIce && next._tag === "PeerConnectionFailed")
    })
    const { attempts: tries } = yield* Ref.get(plan)
    yield* isBack({ _tag: "Resumed", evidence: proof, replayed, attempts: tries }, false)
  })

  const restart = Effect.gen(function* () {
    const { attempts: tries } = yield* Ref.get(plan)
    yield* attempts.closeSession
    const resent = core.config.inDoubt === "resend"
    const inDoubt = core.sender.inDoubt(inDoubtSince)
    core.sender.restart({ renumber: Packet.renumber, resend: resent ? inDoubt : [] })
    if (inDoubt.length > 0) {
      const sequences = inDoubt.map(({ sequence }) => sequence)
      core.emit({ _tag: "InDoubt", sequences, packets: packetsOf(inDoubt), resent })
    }
    core.emit({ _tag: "FullReconnecting", attempt: tries })
    // All were tried: what was down a while ago may be up, and nearer.
    if (tries > 1 && !(yield* attempts.nextRegion)) yield* attempts.forgetRegions
    const { evidence: proof } = yield* attempts.run(attempts.openSession, {
      observe,
      isPointless: (next) => next._tag !== "Requested"
    })
    yield* isBack({ _tag: "Reconnected", evidence: proof, attempts: tries }, true)
  })

  /** A session whose region cannot be dialled is given up for another region in time, though its media may still come. */
  const isOutOfReach = Effect.fnUntraced(function* (error: AttemptError) {
    const isUnanswered = error._tag === "SignalError" && recoveryOf(error) === "Resume"
    if (!isUnanswered || (yield* Ref.get(plan)).asked !== "Resume") return false
    return (yield* Clock.currentTimeMillis) - started >= regionPatience && (yield* attempts.hasOtherRegion)
  })

  const failed = (error: AttemptError) =>
    Effect.gen(function* () {
      yield* Ref.set(lastFailure, reasonOf(error))
      const recovery = (yield* isOutOfReach(error)) ? "Restart" : recoveryOf(error)
      yield* Ref.update(plan, (before) => ReconnectPlan.failed(before, recovery))
      yield* Effect.logDebug("a reconnect attempt failed", error.message)
    })

  const tryOnce = Effect.gen(function* () {
    const { decision: likely, known } = yield* decide
    // Later only what is done is said: until then it may be decided otherwise.
    if (known.attempt === 1) yield* show(likely)
    const [, scheduled] = yield* step(yield* Clock.currentTimeMillis, known).pipe(Pull.catchDone(() => exhausted))
    const least = known.attempt === 1 && DisconnectCause.mayBeExplained(cause) ? core.config.explanationTimeout : 0
    const delay = Duration.max(Duration.fromInputUnsafe(scheduled), Duration.millis(least))
    if (Duration.isGreaterThan(delay, Duration.zero)) yield* Effect.timeoutOption(untilUrgent, delay)
    const { decision } = yield* decide
    yield* show(decision)
    yield* Ref.update(plan, ReconnectPlan.attempted)
    const span = { attributes: { "livekit.reconnect.attempt": known.attempt } }
    return yield* (decision === "Resume" ? resume : restart.pipe(Effect.withSpan("RTCEngine.restart", span))).pipe(
      Effect.as(true),
      Effect.catchTags({
        SignalError: (error) => Effect.as(failed(error), false),
        PeerConnectionError: (error) => Effect.as(failed(error), false),
        Overtaken: (error) => Effect.as(failed(error), false)
      })
    )
  })

  yield* Effect.repeat(tryOnce, { until: (isBack) => isBack }).pipe(
    Effect.timeoutOrElse({ duration: policy.timeLimit, orElse: () => exhausted })
  )
  yield* attempts.forgetRegions
})
