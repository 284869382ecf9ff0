/**
 * From a seed to its scenario and its verdict, and from a scenario that fails to a smaller one that fails in the same way.
 */
import * as fc from "fast-check"
import type { Run } from "./History.ts"
import * as Invariants from "./Invariants.ts"
import * as Scenario from "./Scenario.ts"
import { type Options, simulate } from "./simulate.ts"

export interface Verdict {
  readonly run: Run
  readonly violations: ReadonlyArray<Invariants.Violation>
}

export type Planted = Omit<Options, "seed">

export const judge = (scenario: Scenario.Scenario, options: Options = {}): Verdict => {
  const run = simulate(scenario, options)
  return { run, violations: Invariants.check(run) }
}

/** Draws the scenario of a seed; while `isFine` denies it, draws smaller ones. */
const draw = (seed: number, isFine: (scenario: Scenario.Scenario) => boolean) =>
  fc.check(fc.property(Scenario.arbitrary, isFine), { seed, numRuns: 1, unbiased: true })

export const scenarioOf = (seed: number): Scenario.Scenario => {
  const drawn: Array<Scenario.Scenario> = []
  draw(seed, (scenario) => drawn.push(scenario) > 0)
  const [scenario] = drawn
  if (scenario === undefined) throw new Error(`seed ${seed} has no scenario`)
  return scenario
}

export const run = (seed: number, planted: Planted = {}): Verdict => judge(scenarioOf(seed), { ...planted, seed })

/** Fewer faults, fewer actions, shorter times: the smallest scenario found that breaks the same invariant as the seed does; `effort` is how many are tried. */
export const shrink = (
  seed: number,
  invariant: string,
  { effort = 600, ...planted }: Planted & { readonly effort?: number } = {}
): Scenario.Scenario => {
  let smallest = scenarioOf(seed)
  let runs = 0
  draw(seed, (scenario) => {
    if (runs++ > effort) return true
    const isFine = !judge(scenario, { ...planted, seed }).violations.some((found) => found.invariant === invariant)
    if (!isFine) smallest = scenario
    return isFine
  })
  return smallest
}
