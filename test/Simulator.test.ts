/**
 * The simulator itself: that a seed is a history, that it finds what is wrong and shows it small.
 */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { bugs } from "./simulator/bugs.ts"
import * as failure from "./simulator/failure.ts"
import * as History from "./simulator/History.ts"
import * as Scenario from "./simulator/Scenario.ts"
import * as Seed from "./simulator/Seed.ts"

describe("a seed", () => {
  it("is the same history each time", () => {
    const told = () => History.timeline(Seed.run(3).run.entries)
    const first = told()
    assert.isAbove(first.split("\n").length, 50)
    assert.strictEqual(told(), first)
  })

  it("draws faults and actions of every kind", () => {
    const drawn = Array.from({ length: 300 }, (_, seed) => Seed.scenarioOf(seed + 1))
    const tags = new Set(drawn.flatMap(({ actions, faults }) => [...actions, ...faults].map(({ _tag }) => _tag)))
    assert.strictEqual(tags.size, 23)
    assert.deepStrictEqual([...new Set(drawn.map(({ participants }) => participants.length))].toSorted(), [1, 2, 3, 4])
  })

  it("holds for an engine without bugs", () => {
    for (let seed = 1; seed <= 8; seed++) assert.deepStrictEqual(Seed.run(seed).violations, [], `seed ${seed}`)
  }, 120_000)
})

describe("a failing seed", () => {
  const bug = bugs.find(({ name }) => name === "listeners are kept")

  it("shrinks to a history that fails in the same way, and is told with a test", () => {
    assert.isDefined(bug)
    const seed = 1
    const [violation] = Seed.run(seed, { bug }).violations
    if (violation === undefined) return assert.fail("the planted bug was not found")
    const smallest = Seed.shrink(seed, violation.invariant, { bug, effort: 60 })
    assert.isAtMost(smallest.faults.length + smallest.actions.length, 2)
    const { violations } = Seed.judge(smallest, { bug, seed })
    assert.include(
      violations.map(({ invariant }) => invariant),
      violation.invariant
    )
    const text = failure.describe(seed, violation, smallest, { bug })
    assert.include(text, `seed ${seed}: "${violation.invariant}" was broken`)
    assert.include(text, `{ seed: ${seed} })`)
    assert.deepStrictEqual(Seed.judge(smallest, { seed }).violations, [], "without the bug it holds")
  }, 120_000)
})

describe("a planted bug", () => {
  it("is put into text that is there", () => {
    assert.isAtLeast(bugs.length, 12)
    for (const { edits = [], name } of bugs) {
      for (const { file, from } of edits) {
        assert.include(readFileSync(new URL(`../src/${file}`, import.meta.url), "utf8"), from, name)
      }
    }
  })
})

describe("a scenario", () => {
  it("is over when the last of what goes wrong is", () => {
    const scenario = Seed.scenarioOf(1)
    const fault = { _tag: "RefuseDials", who: 0, at: 400_000, lasts: 1_000 } as const
    assert.isAbove(Scenario.endOf({ ...scenario, faults: [fault] }), 401_000)
  })
})
