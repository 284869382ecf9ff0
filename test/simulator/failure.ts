/**
 * A failing seed as its reader wants it: what was broken, the smallest history that breaks it, and a test to keep.
 */
import * as History from "./History.ts"
import type { Violation } from "./Invariants.ts"
import type * as Scenario from "./Scenario.ts"
import * as Seed from "./Seed.ts"

const inSeconds = (millis: number) => `${(millis / 1000).toFixed(3)} s`

export const line = ({ at, invariant, what, who }: Violation): string =>
  `"${invariant}" was broken ${who === "-" ? "" : `by ${who} `}at ${inSeconds(at)}: ${what}`

export const describe = (
  seed: number,
  violation: Violation,
  scenario: Scenario.Scenario,
  planted: Seed.Planted = {}
): string => {
  const { run, violations } = Seed.judge(scenario, { ...planted, seed })
  const shown = violations.find(({ invariant }) => invariant === violation.invariant) ?? violation
  return [
    `seed ${seed}: ${line(violation)}`,
    "",
    `The smallest history: ${line(shown)}`,
    "",
    History.timeline(run.entries),
    "",
    "The same as a test:",
    "",
    test(seed, shown, scenario)
  ].join("\n")
}

const test = (
  seed: number,
  violation: Violation,
  scenario: object
): string => `import { assert, it } from "@effect/vitest"
import { judge } from "./simulator/Seed.ts"

// ${line(violation)}
it("keeps to it that ${violation.invariant} (seed ${seed})", () => {
  const { violations } = judge(${JSON.stringify(scenario, null, 2).replace(/\n/g, "\n  ")}, { seed: ${seed} })
  assert.deepStrictEqual(violations, [])
})
`
