/**
 * Expectations of what will happen: they let time pass until it does, and when it does not they say what happened instead.
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { EngineEvent } from "../EngineEvent.ts"
import { type ExpectationFailed, failed } from "./ExpectationFailed.ts"
import { type Entry, History } from "./History.ts"
import * as passing from "./passing.ts"

/**
 * How long something may take.
 *
 * @category models
 */
export interface ExpectOptions {
  /** Default one minute. */
  readonly within?: Duration.Input | undefined
}

/** Milliseconds between two looks. */
const interval = 100

/**
 * Expects that a check will succeed: it is made again and again as time passes, until it succeeds with anything but `false`. A
 * failure of it, and an assertion that throws, mean not yet; the last one is told when time is up.
 *
 * @example
 * ```ts
 * import { Expect, TestRTCEngine } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const alice = yield* TestRTCEngine.join("alice")
 *   yield* alice.reconnectNow
 *   const isBack = Effect.map(alice.state, (state) => state === "Connected")
 *   yield* Expect.eventually("alice is back", isBack, { within: "10 seconds" })
 * })
 * ```
 *
 * @category expectations
 */
export const eventually = <A, E, R>(
  what: string,
  check: Effect.Effect<A, E, R>,
  { within = "1 minute" }: ExpectOptions = {}
): Effect.Effect<A, ExpectationFailed, R> =>
  Effect.gen(function* () {
    const lastFailure = yield* Ref.make<string | undefined>(undefined)
    const notYet = (why: string | undefined) => Effect.as(Ref.set(lastFailure, why), Option.none<A>())
    const look = Effect.matchCauseEffect(check, {
      onSuccess: (value) => (value === false ? notYet(undefined) : Effect.succeedSome(value)),
      onFailure: (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : notYet(messageOf(cause)))
    })
    const found: Effect.Effect<A, never, R> = Effect.flatMap(
      look,
      Option.match({
        onSome: Effect.succeed,
        onNone: () => Effect.andThen(Effect.sleep(interval), found)
      })
    )
    return yield* passing.until(Effect.andThen(passing.settle, found), within, () =>
      Effect.flatMap(Ref.get(lastFailure), (failure) => failed(what, within, failure))
    )
  })

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

/**
 * Something that an engine says, by its tag.
 *
 * @category models
 */
export type Tag = EngineEvent["_tag"]

type Tagged<T extends Tag> = Extract<EngineEvent, { readonly _tag: T }>

const isTagged = <T extends Tag>(event: EngineEvent, tag: T): event is Tagged<T> => event._tag === tag

/** Completes with the first such event that comes, or that came and was passed by none of these before. */
const next = <T extends Tag>(participant: string, tag: T): Effect.Effect<Tagged<T>> =>
  Effect.flatMap(History, (history) =>
    Effect.callback<Tagged<T>>((resume) => {
      const look = () => {
        const found = history.next(
          ({ event, who }: Entry) =>
            who === participant && event !== undefined && isTagged(event, tag) ? event : undefined,
          participant
        )
        if (found === undefined) return
        stop()
        resume(Effect.succeed(found))
      }
      const stop = history.listen(look)
      look()
      return Effect.sync(stop)
    })
  )

/**
 * Expects that the engine of a participant says something. Expectations of one participant read its events in order: each goes
 * on behind the event that the last one found, so an event from before counts if it was not passed yet.
 *
 * @example
 * ```ts
 * import { Expect, TestRTCEngine, TestServer } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { faults } = yield* TestServer.TestServer
 *   yield* TestRTCEngine.join("alice")
 *   yield* faults.dropSignal("alice")
 *   yield* Expect.event("alice", "Resuming")
 *   const { replayed } = yield* Expect.event("alice", "Resumed", { within: "5 seconds" })
 *   return replayed
 * })
 * ```
 *
 * @category expectations
 */
export const event = <T extends Tag>(
  participant: string,
  tag: T,
  { within = "1 minute" }: ExpectOptions = {}
): Effect.Effect<Tagged<T>, ExpectationFailed> =>
  passing.until(next(participant, tag), within, () => failed(`${participant} says ${tag}`, within))

/**
 * Expects that the engine of a participant does not say something for a while; fails with the history as soon as it does.
 *
 * @example
 * ```ts
 * import { Expect } from "effect-livekit/testing"
 *
 * const stays = Expect.never("alice", "Disconnected", { during: "10 minutes" })
 * ```
 *
 * @category expectations
 */
export const never = (
  participant: string,
  tag: Tag,
  { during }: { readonly during: Duration.Input }
): Effect.Effect<void, ExpectationFailed> =>
  Effect.gen(function* () {
    const history = yield* History
    const said = Effect.callback<void>((resume) => {
      const stop = history.listen(({ event, who }) => {
        if (who === participant && event?._tag === tag) resume(Effect.void)
      })
      return Effect.sync(stop)
    })
    yield* passing.until(
      Effect.andThen(said, failed(`${participant} does not say ${tag}`, during)),
      during,
      () => Effect.void
    )
  })
