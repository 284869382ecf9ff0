/**
 * What a worker can be asked for.
 */
import { bugs } from "./bugs.ts"
import * as failure from "./failure.ts"
import * as History from "./History.ts"
import type { Violation } from "./Invariants.ts"
import * as Seed from "./Seed.ts"

export type Task =
  /** Runs seeds, up to the first that fails if asked to. */
  | { readonly _tag: "Batch"; readonly from: number; readonly count: number; readonly stopAtFirst: boolean }
  /** Shrinks a seed that fails. */
  | { readonly _tag: "Describe"; readonly seed: number; readonly violation: Violation }
  | { readonly _tag: "Replay"; readonly seed: number }

export interface Batched {
  readonly done: number
  readonly virtualMillis: number
  readonly failures: ReadonlyArray<{ readonly seed: number; readonly violation: Violation }>
  /** Bytes in use after it. */
  readonly heapUsed: number
}

export type Done =
  | ({ readonly _tag: "Batched" } & Batched)
  | { readonly _tag: "Text"; readonly text: string; readonly holds: boolean }

const batch = ({ count, from, stopAtFirst }: Extract<Task, { _tag: "Batch" }>, planted: Seed.Planted): Batched => {
  const failures: Array<Batched["failures"][number]> = []
  let virtualMillis = 0
  let done = 0
  while (done < count) {
    const seed = from + done++
    const { run, violations } = Seed.run(seed, planted)
    virtualMillis += run.millis
    const [violation] = violations
    if (violation === undefined) continue
    failures.push({ seed, violation })
    if (stopAtFirst) break
  }
  globalThis.gc?.()
  return { done, virtualMillis, failures, heapUsed: process.memoryUsage().heapUsed }
}

const describe = ({ seed, violation }: Extract<Task, { _tag: "Describe" }>, planted: Seed.Planted) =>
  failure.describe(seed, violation, Seed.shrink(seed, violation.invariant, planted), planted)

const replay = (seed: number, planted: Seed.Planted) => {
  const { run, violations } = Seed.run(seed, planted)
  const holds = violations.length === 0
  const text = [
    JSON.stringify(run.scenario, null, 2),
    History.timeline(run.entries),
    ...violations.map(failure.line),
    `seed ${seed} ${holds ? "holds" : "fails"}`
  ].join("\n")
  return { text, holds }
}

export const run = (task: Task, name: string | undefined): Done => {
  const planted = { bug: bugs.find((one) => one.name === name) }
  switch (task._tag) {
    case "Batch":
      return { _tag: "Batched", ...batch(task, planted) }
    case "Describe":
      return { _tag: "Text", text: describe(task, planted), holds: false }
    case "Replay":
      return { _tag: "Text", ...replay(task.seed, planted) }
  }
}
