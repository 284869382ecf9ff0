/**
 * What happened in a test, and when: said by the server, the network and the engines, and shown when an expectation fails.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { EngineEvent } from "../EngineEvent.ts"

/**
 * Something that happened.
 *
 * @category models
 */
export interface Entry {
  /** Milliseconds on the Clock. */
  readonly at: number
  /** A participant, `server`, or `network`. */
  readonly who: string
  readonly what: string
  /** What an engine told its users, where that is what happened. */
  readonly event: EngineEvent | undefined
  /** How often it happened: many packets on one way, and nothing but packets meanwhile, are one entry. */
  readonly times: number
}

/**
 * Keeps what happened.
 *
 * @category models
 */
export interface Recorder {
  /** Entries of one `group` with nothing but groups between them become one, which tells of the last. A text that costs something is given as a function. */
  readonly record: (
    who: string,
    what: string | (() => string),
    options?: { readonly event?: EngineEvent | undefined; readonly group?: string | undefined }
  ) => void
  /** The latest thousand, oldest first. */
  readonly entries: () => ReadonlyArray<Entry>
  /** The first entry that `find` finds, behind the one that was found for the same reader before. */
  readonly next: <A>(find: (entry: Entry) => A | undefined, reader: string) => A | undefined
  /** Calls back with every entry from now on; call the result to stop. */
  readonly listen: (listener: (entry: Entry) => void) => () => void
}

/** The history of a test without one. */
const none: Recorder = { record: () => {}, entries: () => [], next: () => undefined, listen: () => () => {} }

/**
 * The history of the test. `TestServer.layer` keeps one; without it nothing is remembered.
 *
 * @example
 * ```ts
 * import { History } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const noted = Effect.map(History.History, (history) => history.record("test", "the user presses send"))
 * ```
 *
 * @category services
 */
export const History = Context.Reference<Recorder>("effect-livekit/testing/History", { defaultValue: () => none })

/** Entries that are kept. */
const capacity = 1_000

/**
 * A history of its own, on the current Clock.
 *
 * @example
 * ```ts
 * import { History } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const text = Effect.map(History.make, (history) => {
 *   history.record("test", "begins")
 *   return History.render(history.entries())
 * })
 * ```
 *
 * @category constructors
 */
export const make: Effect.Effect<Recorder> = Effect.map(Clock.Clock, (clock) => {
  const entries: Array<Entry> = []
  const listeners = new Set<(entry: Entry) => void>()
  /** How many entries of all that there were each reader has passed. */
  const passed = new Map<string, number>()
  /** The latest entry of each group since the last entry that is in none. */
  const groups = new Map<string, Entry>()
  const self = { dropped: 0 }
  return {
    record: (who, what, { event, group } = {}) => {
      if (group === undefined) groups.clear()
      const before = group === undefined ? undefined : groups.get(group)
      const entry: Entry = {
        at: clock.currentTimeMillisUnsafe(),
        who,
        get what() {
          return typeof what === "string" ? what : what()
        },
        event,
        times: (before?.times ?? 0) + 1
      }
      const index = before === undefined ? -1 : entries.lastIndexOf(before)
      if (index >= 0) entries[index] = entry
      else entries.push(entry)
      if (group !== undefined) groups.set(group, entry)
      if (entries.length > capacity) {
        entries.shift()
        self.dropped++
      }
      for (const listener of [...listeners]) listener(entry)
    },
    entries: () => [...entries],
    next: (find, reader) => {
      for (let index = Math.max(0, (passed.get(reader) ?? 0) - self.dropped); index < entries.length; index++) {
        const entry = entries[index]
        const found = entry === undefined ? undefined : find(entry)
        if (found === undefined) continue
        passed.set(reader, self.dropped + index + 1)
        return found
      }
      return undefined
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
  }
})

/**
 * Keeps a history for as long as the layer is in use. When what used it fails, the history is added to the message of the
 * failure, so that a failed assertion of any kind shows it. `TestServer.layer` includes it.
 *
 * @example
 * ```ts
 * import { History } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.flatMap(History.History, (history) => {
 *   history.record("test", "begins")
 *   return Effect.fail(new Error("the message of this will say that the test began"))
 * }).pipe(Effect.provide(History.layer))
 * ```
 *
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.effect(
  History,
  Effect.gen(function* () {
    const history = yield* make
    yield* Effect.addFinalizer((exit) =>
      Effect.sync(() => {
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        if (error instanceof Error) explain(error, history.entries())
      })
    )
    return history
  })
)

/** A failed expectation shows its history itself. */
const explain = (error: Error, entries: ReadonlyArray<Entry>) => {
  if (entries.length === 0 || Predicate.isTagged(error, "ExpectationFailed")) return
  const message = `${error.message}\n\n${render(entries)}\n`
  Object.defineProperty(error, "message", { value: message, configurable: true, writable: true, enumerable: false })
}

/**
 * The latest entries as text, one a line: seconds, who, what. Default the latest 30.
 *
 * @example
 * ```ts
 * import { History } from "effect-livekit/testing"
 * import { Console, Effect } from "effect"
 *
 * const shown = Effect.flatMap(History.History, (history) => Console.log(History.render(history.entries(), 100)))
 * ```
 *
 * @category rendering
 */
export const render = (entries: ReadonlyArray<Entry>, count = 30): string => {
  const shown = entries.slice(-count)
  const width = Math.max(0, ...shown.map(({ who }) => who.length))
  const omitted = entries.length - shown.length
  const lines = shown.map(({ at, times, what, who }) => {
    const seconds = (at / 1_000).toFixed(3).padStart(9)
    return `${seconds} s  ${who.padEnd(width)}  ${what}${times > 1 ? ` (${times} times)` : ""}`
  })
  return [...(omitted > 0 ? [`(${omitted} earlier entries)`] : []), ...lines].join("\n")
}
