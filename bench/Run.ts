/**
 * One piece of work, done by all contestants in turn, round after round, so that what else the machine does meets them alike.
 */
import { Effect, type Scope } from "effect"
import type { ChildError } from "../test/clients/Child.ts"
import type { Figure, Figures } from "./Figures.ts"
import type { Contestant } from "./Task.ts"
import type { Target } from "./Target.ts"
import * as Worker from "./Worker.ts"

export interface Bench {
  readonly contestants: ReadonlyArray<Contestant>
  readonly rounds: number
  readonly figures: Figures
}

export interface Pair {
  readonly contestant: Contestant
  readonly sender: Worker.Worker
  readonly receiver: Worker.Worker
}

export interface Round extends Pair {
  readonly room: string
  readonly record: (what: Omit<Figure, "samples" | "server">, value: number) => void
}

/** A sender and a receiver of each contestant; the first round warms up and does not count. */
export const inTurn = Effect.fnUntraced(function* (
  bench: Bench,
  target: Target,
  work: string,
  round: (round: Round) => Effect.Effect<void, ChildError>
): Effect.fn.Return<void, ChildError, Scope.Scope> {
  const pairs = yield* Effect.forEach(
    bench.contestants,
    Effect.fnUntraced(function* (contestant) {
      return { contestant, sender: yield* Worker.make(contestant), receiver: yield* Worker.make(contestant) }
    })
  )
  const out = new Set<Contestant>()
  for (let index = 0; index <= bench.rounds; index++) {
    for (const [turn, pair] of rotate(pairs, index).entries()) {
      if (out.has(pair.contestant)) continue
      const done = round({
        ...pair,
        room: `${work}-${index}-${turn}`,
        record: (what, value) => {
          if (index > 0) bench.figures.add({ ...what, server: target.name }, pair.contestant, value)
        }
      })
      // One that fails is out: what it has measured stands, and what it did is said.
      yield* done.pipe(
        Effect.timeout("60 seconds"),
        Effect.catch((error) =>
          Effect.sync(() => {
            out.add(pair.contestant)
            process.stderr.write(`  ${work}: ${pair.contestant} is out: ${error.message}\n`)
          })
        )
      )
    }
    yield* Effect.sync(() => process.stderr.write(`  ${work}: ${index} of ${bench.rounds} rounds\n`))
  }
})

const rotate = <A>(all: ReadonlyArray<A>, by: number): ReadonlyArray<A> => [
  ...all.slice(by % all.length),
  ...all.slice(0, by % all.length)
]

/** Both are in the room, and nothing has been heard. */
export const joinBoth = Effect.fnUntraced(function* (target: Target, { receiver, room, sender }: Round) {
  const url = target.url
  yield* receiver.run({ _tag: "Join", url, token: yield* target.token("receiver", room) })
  yield* sender.run({ _tag: "Join", url, token: yield* target.token("sender", room) })
  yield* receiver.run({ _tag: "Forget" })
  yield* sender.run({ _tag: "Forget" })
})

export const leaveBoth = ({ receiver, sender }: Pair) =>
  Effect.all([sender.run({ _tag: "Leave" }), receiver.run({ _tag: "Leave" })], { discard: true })
