/**
 * The serial negotiator of one peer connection: collects requests, makes offers, matches answers, and tells every caller how the
 * offer that covered its request fared. The rules are in `Negotiation.ts`; this file performs them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
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
  readonly applyAnswer: (sdp: string) => Effect.Effect<void, PeerConnectionError>
  readonly currentOffer: Effect.Effect<string | undefined>
  /** False when there is no way to the far end. */
  readonly sendOffer: (offer: Offer) => Effect.Effect<boolean>
}): Effect.fn.Return<Negotiator, never, Scope.Scope> {
  const { config, lock, target } = options
  const scope = yield* Effect.scope
  const state = yield* Ref.make<State>({ negotiation: Negotiation.initial, waiters: [], isClosed: false })
  const wake = yield* Queue.sliding<void>(1)
  const deadline = yield* FiberHandle.make<void>()
  const closed = Effect.fail(new PeerConnectionError({ reason: new Closed({ target }) }))

  const negotiation = Effect.map(Ref.get(state), (current) => current.negotiation)
  const advance = (step: Step) => Ref.update(state, (before) => ({ ...before, negotiation: step(before.negotiation) }))

  const complete = (waiters: ReadonlyArray<Waiter>, outcome: Effect.Effect<void, PeerConnectionError>) =>
    Effect.forEach(waiters, ({ done }) => Deferred.completeWith(done, outcome), { discard: true })

  /** Takes a step, tells everybody whose request it settles, and sees to the requests that came since. */
  const settle = (step: Step, outcome: Effect.Effect<void, PeerConnectionError>) =>
    Ref.modify(state, (before) => {
      const after = step(before.negotiation)
      const isDue = ({ revision }: Waiter) => revision <= after.acknowledged
      const waiters = before.waiters.filter((waiter) => !isDue(waiter))
      return [
        { after, due: before.waiters.filter(isDue) },
        { ...before, negotiation: after, waiters }
      ]
    }).pipe(
      Effect.tap(({ due }) => complete(due, outcome)),
      Effect.flatMap(({ after }) =>
        Negotiation.next(after) === "Nothing" ? Effect.void : Effect.asVoid(Queue.offer(wake, undefined))
      ),
      Effect.uninterruptible
    )

  const fail = (error: PeerConnectionError) => settle(Negotiation.failed, Effect.fail(error))

  yield* Effect.addFinalizer(() =>
    Ref.getAndUpdate(state, (before) => ({ ...before, waiters: [], isClosed: true })).pipe(
      Effect.flatMap(({ waiters }) => complete(waiters, closed))
    )
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
      const { lastId } = yield* negotiation
      if (yield* options.sendOffer({ sdp, id: lastId })) yield* armDeadline
    })

  const offer = Effect.gen(function* () {
    if (Negotiation.next(yield* negotiation) !== "Offer") return
    // Of an offer that is out nothing is taken back: the far end may have it, and a runtime would number the sections anew.
    yield* FiberHandle.clear(deadline)
    // Counted before it is made, in one step with what it is to be: what is asked for from then on is for the next one.
    const { iceRestart } = yield* Ref.getAndUpdate(state, (current) => ({
      ...current,
      negotiation: Negotiation.offered(current.negotiation)
    })).pipe(Effect.map((current) => current.negotiation))
    yield* send(yield* options.createOffer({ iceRestart }))
  })

  // Trailing: a request during the wait starts it again (PT6). The first offer has nothing to wait for, and a restart must not.
  const debounce: Effect.Effect<void> = Effect.gen(function* () {
    const { iceRestart, lastId } = yield* negotiation
    if (lastId === 0 || iceRestart) return
    if (Option.isSome(yield* Effect.timeoutOption(Queue.take(wake), config.negotiationDebounce))) yield* debounce
  })

  yield* Queue.take(wake).pipe(
    Effect.andThen(debounce),
    Effect.andThen(lock.withPermit(Effect.catch(offer, fail))),
    Effect.forever,
    Effect.forkScoped
  )

  /** Waits for the newest request, which `ask` may make: in the same step, so that no outcome is missed. */
  const wait = (ask: Step) =>
    Effect.gen(function* () {
      const done = yield* Deferred.make<void, PeerConnectionError>()
      const isSettled = yield* Ref.modify(state, (before) => {
        const after = ask(before.negotiation)
        const waiter: Waiter = { revision: after.requested, done }
        return before.isClosed || after.acknowledged >= after.requested
          ? [true, before]
          : [false, { ...before, negotiation: after, waiters: [...before.waiters, waiter] }]
      })
      if (isSettled) return yield* (yield* Ref.get(state)).isClosed ? closed : Effect.void
      yield* Queue.offer(wake, undefined)
      yield* Deferred.await(done).pipe(
        Effect.onInterrupt(() =>
          Ref.update(state, (before) => ({
            ...before,
            waiters: before.waiters.filter((waiter) => waiter.done !== done)
          }))
        )
      )
    })

  return {
    negotiate: (request) => wait((before) => Negotiation.request(before, request)),

    negotiated: wait((before) => before),

    initialOffer: lock.withPermit(
      Effect.gen(function* () {
        yield* advance((before) => Negotiation.offered(Negotiation.request(before, { iceRestart: false })))
        const sdp = yield* Effect.tapError(options.createInitialOffer, fail)
        return { sdp, id: (yield* negotiation).lastId }
      })
    ),

    repeatOffer: lock.withPermit(
      Effect.gen(function* () {
        const sdp = yield* options.currentOffer
        if ((yield* negotiation).outstanding === undefined || sdp === undefined) return
        yield* advance(Negotiation.offeredAgain)
        yield* send(sdp)
      })
    ),

    pauseDeadline: FiberHandle.clear(deadline),

    acceptAnswer: (sdp, id) =>
      lock
        .withPermit(
          Effect.gen(function* () {
            if (!Negotiation.isCurrent(yield* negotiation, id)) return false
            yield* FiberHandle.clear(deadline)
            yield* Effect.tapError(options.applyAnswer(sdp), fail)
            yield* settle(Negotiation.answered, Effect.void)
            return true
          })
        )
        .pipe(outliving(scope))
  }
})

/**
 * An answer is applied whole, though a resume may interrupt its reader; that waits for it. It is given up only with the peer
 * connection: a promise of one that is closed never settles (W3C WebRTC: "If connection.[[IsClosed]] is true, abort these steps").
 */
const outliving =
  (scope: Scope.Scope) =>
  <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkIn(effect, scope, { startImmediately: true, uninterruptible: false }), (fiber) =>
        Effect.onInterrupt(restore(Fiber.join(fiber)), () => Fiber.await(fiber))
      )
    )

type Step = (before: Negotiation.Negotiation) => Negotiation.Negotiation

interface Waiter {
  readonly revision: number
  readonly done: Deferred.Deferred<void, PeerConnectionError>
}

interface State {
  readonly negotiation: Negotiation.Negotiation
  readonly waiters: ReadonlyArray<Waiter>
  readonly isClosed: boolean
}
