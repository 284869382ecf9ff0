/**
 * The steps that first joins and reconnects share: opening a session, choosing a region, and running an attempt while watching
 * for what makes it pointless.
 */
import type { RegionSettings } from "@livekit/protocol"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as DisconnectCause from "../DisconnectCause.ts"
import type { EngineErrorReason } from "../EngineError.ts"
import type { Evidence } from "../EngineEvent.ts"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { Recovery } from "../Recovery.ts"
import type { RegionUrlProvider } from "../RegionUrlProvider.ts"
import type { SignalError } from "../SignalError.ts"
import type { EngineCore } from "./EngineCore.ts"
import * as Session from "./Session.ts"

/** Milliseconds for a direct path where the server has relays and the peer connection does not know them. */
const relaylessTimeout = 5_000

/** An attempt was overtaken by a cause that makes it pointless. */
export class Overtaken extends Data.TaggedError("Overtaken")<{ readonly by: DisconnectCause.DisconnectCause }> {}

export type AttemptError = SignalError | PeerConnectionError | Overtaken

export const reasonOf = (error: AttemptError): EngineErrorReason =>
  error._tag === "Overtaken" ? DisconnectCause.toReason(error.by) : error.reason

export const recoveryOf = (error: AttemptError): Recovery =>
  error._tag === "Overtaken" ? DisconnectCause.recovery(error.by) : error.recovery

export interface Opened {
  readonly session: Session.Session
  readonly evidence: Evidence
}

export interface Attempts {
  /** The session in use, for the engine's other operations. */
  readonly session: Ref.Ref<Option.Option<Session.Session>>
  /** Opens a session and waits until it is ready; on failure nothing of it is left. */
  readonly openSession: Effect.Effect<Opened, SignalError | PeerConnectionError>
  readonly closeSession: Effect.Effect<void>
  /** Goes on to the next region that was not tried; false if there is none (RU7, S87). */
  readonly nextRegion: Effect.Effect<boolean>
  /** Whether there are several, as far as can be found out. */
  readonly hasOtherRegion: Effect.Effect<boolean>
  /** Regions that failed before may be tried again: a connection stands (RU8), or all have failed. */
  readonly forgetRegions: Effect.Effect<void>
  /** Takes the regions that come with a leave (S146, RU9). */
  readonly learnRegions: (cause: DisconnectCause.DisconnectCause) => Effect.Effect<void>
  /** Runs an attempt; every cause that comes meanwhile is observed, and one that makes the attempt pointless ends it. */
  readonly run: <A>(
    attempt: Effect.Effect<A, SignalError | PeerConnectionError>,
    options: {
      readonly observe: (cause: DisconnectCause.DisconnectCause) => Effect.Effect<void>
      readonly isPointless: (cause: DisconnectCause.DisconnectCause) => boolean
    }
  ) => Effect.Effect<A, AttemptError>
}

export const make = Effect.fnUntraced(function* (options: {
  readonly core: EngineCore
  readonly causes: Queue.Queue<DisconnectCause.DisconnectCause>
  readonly regions: RegionUrlProvider["Service"]
  readonly session: Ref.Ref<Option.Option<Session.Session>>
  readonly connect: Session.SessionOptions
}): Effect.fn.Return<Attempts, never, Scope.Scope> {
  const { causes, connect, core, regions } = options
  const scope = yield* Effect.scope
  const sessionScope = yield* Ref.make(yield* Scope.fork(scope))
  const attempted = yield* Ref.make<ReadonlySet<string>>(new Set())
  const url = yield* Ref.make(connect.url)
  // Where the server's ICE servers cannot be applied later, an offer made before they are known may fail for want of them.
  const offerInJoin = yield* Ref.make(connect.offerInJoin)

  const closeSession = Effect.gen(function* () {
    yield* Ref.set(options.session, Option.none())
    yield* Scope.close(yield* Ref.get(sessionScope), Exit.void)
    // What the closed session reported concerns nobody any more, but for a goodbye, and for what the application asks.
    const late = yield* Queue.clear(causes)
    yield* Queue.offerAll(
      causes,
      late.filter((cause) => cause._tag === "Requested" || DisconnectCause.recovery(cause) === "GiveUp")
    )
  })

  /** Without the relays that there are it is soon given up, and nobody else hears of that. */
  const ready = (
    session: Session.Session
  ): Effect.Effect<Evidence, PeerConnectionError | Session.RelaysUnknown, Scope.Scope> =>
    session.lacksRelays
      ? session.ready.pipe(
          Effect.mapError(() => new Session.RelaysUnknown()),
          Effect.timeoutOrElse({ duration: relaylessTimeout, orElse: () => Effect.fail(new Session.RelaysUnknown()) }),
          Effect.tap(() => session.watch)
        )
      : Effect.andThen(session.watch, session.ready)

  const openOnce = Effect.gen(function* () {
    yield* closeSession
    const own = yield* Scope.fork(scope)
    yield* Ref.set(sessionScope, own)
    const open = Effect.gen(function* () {
      const session = yield* Session.open(core, {
        ...connect,
        url: yield* Ref.get(url),
        offerInJoin: yield* Ref.get(offerInJoin)
      })
      yield* Ref.set(options.session, Option.some(session))
      const evidence = yield* ready(session).pipe(
        // However it ends: a leave of the server ends it too.
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Ref.set(offerInJoin, false) : Effect.void))
      )
      return { session, evidence }
    })
    return yield* open.pipe(
      Scope.provide(own),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? closeSession : Effect.void))
    )
  })

  const openSession: Attempts["openSession"] = Effect.catchTag(openOnce, "RelaysUnknown", () =>
    Effect.andThen(Ref.set(offerInJoin, false), openSession)
  )

  const regionBeside = Effect.fnUntraced(function* (attempted: ReadonlySet<string>) {
    if (!regions.hasRegions(connect.url)) return Option.none<string>()
    return yield* regions.next({ url: connect.url, token: yield* Ref.get(core.token), attempted }).pipe(
      // A region list that cannot be had must not hide why the attempt failed (V18).
      Effect.tapError((error) => Effect.logDebug("no region list", error.message)),
      Effect.orElseSucceed(Option.none<string>)
    )
  })

  const nextRegion = Effect.gen(function* () {
    const next = yield* regionBeside(new Set([...(yield* Ref.get(attempted)), yield* Ref.get(url)]))
    if (Option.isNone(next)) return false
    yield* Ref.set(url, next.value)
    yield* Ref.update(attempted, (all) => new Set([...all, next.value]))
    return true
  })

  // The one in use may be among them by another URL than that of its session.
  const hasOtherRegion = Effect.gen(function* () {
    const first = yield* regionBeside(new Set())
    return Option.isSome(first) && Option.isSome(yield* regionBeside(new Set([first.value])))
  })

  const forgetRegions = Ref.set(attempted, new Set())
  const report = (named: RegionSettings | undefined) =>
    named === undefined ? Effect.void : regions.report(connect.url, named)
  const learnRegions = (cause: DisconnectCause.DisconnectCause) =>
    cause._tag === "Leave" ? report(cause.leave.regions) : Effect.void

  // The server's answer may be a leave that says why the media ended, and that a new join is not wanted.
  const overtake = (cause: DisconnectCause.DisconnectCause) =>
    Effect.andThen(
      Effect.sleep(DisconnectCause.mayBeExplained(cause) ? core.config.explanationTimeout : 0),
      Effect.fail(new Overtaken({ by: cause }))
    )

  return {
    session: options.session,
    openSession,
    closeSession,
    nextRegion,
    hasOtherRegion,
    forgetRegions,
    learnRegions,
    run: Effect.fnUntraced(function* (attempt, { isPointless, observe }) {
      const isOvertaken = yield* Ref.make(false)
      return yield* Effect.raceFirst(
        attempt.pipe(
          // A leave may come as the answer, and names regions as any other.
          Effect.tapErrorTag("SignalError", ({ reason }) =>
            reason._tag === "LeaveReceived" ? report(reason.regions) : Effect.void
          ),
          // What succeeds while the leave is waited for that explains a cause does not make up for the cause.
          Effect.tap(() =>
            Effect.flatMap(Ref.get(isOvertaken), (overtaken) => (overtaken ? Effect.never : Effect.void))
          )
        ),
        Effect.gen(function* () {
          const cause = yield* Queue.take(causes)
          const overtaken = isPointless(cause)
          // First of all: what succeeds from here on would leave the cause to nobody.
          if (overtaken) yield* Ref.set(isOvertaken, true)
          yield* observe(cause)
          yield* learnRegions(cause)
          if (overtaken) return yield* overtake(cause)
        }).pipe(Effect.forever)
      )
    })
  }
})
