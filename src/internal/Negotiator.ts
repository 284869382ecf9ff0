/**
 * The serial negotiator of one peer connection: collects requests, makes offers, matches answers, and tells every caller how the
 * offer that covered its request fared. The rules are in `Negotiation.ts`; this file performs them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import type * as Semaphore from "effect/Semaphore"
import type { EngineSettings } from "../EngineConfig.ts"
import * as Negotiation from "../Negotiation.ts"
import { Closed, NegotiationFailed, PeerConnectionError, type Target } from "../PeerConnectionError.ts"

export interface Offer {
  readonly sdp: string
  readonly id: number
}

export interface Negotiator {
  readonly negotiate: (options: { readonly iceRestart: boolean }) => Effect.Effect<void, PeerConnectionError>
  /** Waits for what has been asked for so far. */
  readonly negotiated: Effect.Effect<void, PeerConnectionError>
  readonly initialOffer: Effect.Effect<Offer, PeerConnectionError>
  readonly repeatOffer: Effect.Effect<void>
  readonly pauseDeadline: Effect.Effect<void>
  readonly acceptAnswer: (sdp: string, id: number) => Effect.Effect<boolean, PeerConnectionError>
}

export const make = Effect.fnUntraced(function* (options: {
  readonly target: Target
  readonly config: EngineSettings
  /** One operation on the peer connection at a time: offers and answers never interleave (S143). */
  readonly lock: Semaphore.Semaphore
  /** Makes and sets a local offer, and returns its SDP. */
  readonly createOffer: (options: { readonly iceRestart: boolean }) => Effect.Effect<string, PeerConnectionError>
  readonly createInitialOffer: Effect.Effect<string, PeerConnectionError>
  readonly rollback: Effect.Effect<void, PeerConnectionError>
  readonly applyAnswer: (sdp: string) => Effect.Effect<void, PeerConnectionError>
  readonly currentOffer: Effect.Effect<string | undefined>
  readonly sendOffer: (offer: Offer) => Effect.Effect<void>
}): Effect.fn.Return<Negotiator, never, Scope.Scope> {
  const { config, lock, target } = options
  const state = yield* Ref.make(Negotiation.initial)
  const waiters = yield* Ref.make<ReadonlyArray<Waiter>>([])
  const isClosed = yield* Ref.make(false)
  const wake = yield* Queue.sliding<void>(1)
  const deadline = yield* FiberHandle.make<void>()

  const settle = (upTo: number, outcome: Effect.Effect<void, PeerConnectionError>) =>
    Ref.modify(waiters, (all) => [
      all.filter(({ revision }) => revision <= upTo),
      all.filter(({ revision }) => revision > upTo)
    ]).pipe(
      Effect.flatMap((due) =>
        Effect.forEach(due, ({ done }) => Deferred.completeWith(done, outcome), { discard: true })
      )
    )

  const fail = (error: PeerConnectionError) =>
    Ref.getAndUpdate(state, Negotiation.failed).pipe(
      Effect.flatMap(({ requested }) => settle(requested, Effect.fail(error)))
    )

  yield* Effect.addFinalizer(() =>
    Ref.set(isClosed, true).pipe(Effect.andThen(fail(new PeerConnectionError({ reason: new Closed({ target }) }))))
  )

  const armDeadline = FiberHandle.run(
    deadline,
    Effect.sleep(config.answerTimeout).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          const cause = new Error(`the offer was not answered within ${config.answerTimeout} ms`)
          return fail(new PeerConnectionError({ reason: new NegotiationFailed({ step: "awaitAnswer", cause }) }))
        })
      )
    )
  )

  const send = (sdp: string) =>
    Effect.gen(function* () {
      const { lastId } = yield* Ref.get(state)
      yield* armDeadline
      yield* options.sendOffer({ sdp, id: lastId })
    })

  const offer = Effect.gen(function* () {
    const step = Negotiation.next(yield* Ref.get(state))
    if (step === "Nothing" || step === "Wait") return
    if (step === "RollbackAndOffer") {
      yield* options.rollback
      yield* Ref.update(state, Negotiation.rolledBack)
    }
    const { iceRestart } = yield* Ref.get(state)
    const sdp = yield* options.createOffer({ iceRestart })
    yield* Ref.update(state, Negotiation.offered)
    yield* send(sdp)
  })

  // Trailing: a request during the wait starts it again (PT6).
  const debounce: Effect.Effect<void> = Effect.sleep(config.negotiationDebounce).pipe(
    Effect.andThen(Queue.poll(wake)),
    Effect.flatMap((again) => (Option.isSome(again) ? debounce : Effect.void))
  )

  yield* Queue.take(wake).pipe(
    // The first offer has nothing to wait for.
    Effect.andThen(Effect.flatMap(Ref.get(state), ({ lastId }) => (lastId > 0 ? debounce : Effect.void))),
    Effect.andThen(lock.withPermit(offer)),
    Effect.catch(fail),
    Effect.forever,
    Effect.forkScoped
  )

  const awaitRevision = (revision: number) =>
    Effect.gen(function* () {
      if (yield* Ref.get(isClosed)) return yield* new PeerConnectionError({ reason: new Closed({ target }) })
      if ((yield* Ref.get(state)).acknowledged >= revision) return
      const waiter: Waiter = { revision, done: yield* Deferred.make<void, PeerConnectionError>() }
      yield* Ref.update(waiters, (all) => [...all, waiter])
      yield* Queue.offer(wake, undefined)
      yield* Deferred.await(waiter.done).pipe(
        Effect.onInterrupt(() => Ref.update(waiters, (all) => all.filter((other) => other !== waiter)))
      )
    })

  return {
    negotiate: (request) =>
      Ref.updateAndGet(state, (before) => Negotiation.request(before, request)).pipe(
        Effect.flatMap(({ requested }) => awaitRevision(requested))
      ),

    negotiated: Effect.flatMap(Ref.get(state), ({ requested }) => awaitRevision(requested)),

    initialOffer: lock.withPermit(
      Effect.gen(function* () {
        yield* Ref.update(state, (before) => Negotiation.request(before, { iceRestart: false }))
        const sdp = yield* options.createInitialOffer
        const after = yield* Ref.updateAndGet(state, Negotiation.offered)
        return { sdp, id: after.lastId }
      })
    ),

    repeatOffer: lock.withPermit(
      Effect.gen(function* () {
        const sdp = yield* options.currentOffer
        if ((yield* Ref.get(state)).outstanding === undefined || sdp === undefined) return
        yield* Ref.update(state, Negotiation.offeredAgain)
        yield* send(sdp)
      })
    ),

    pauseDeadline: FiberHandle.clear(deadline),

    acceptAnswer: (sdp, id) =>
      lock.withPermit(
        Effect.gen(function* () {
          const before = yield* Ref.get(state)
          if (!Negotiation.isCurrent(before, id)) return false
          yield* FiberHandle.clear(deadline)
          yield* options.applyAnswer(sdp).pipe(Effect.tapError(fail))
          const after = yield* Ref.updateAndGet(state, Negotiation.answered)
          yield* settle(after.acknowledged, Effect.void)
          if (Negotiation.next(after) !== "Nothing") yield* Queue.offer(wake, undefined)
          return true
        })
      )
  }
})

interface Waiter {
  readonly revision: number
  readonly done: Deferred.Deferred<void, PeerConnectionError>
}
