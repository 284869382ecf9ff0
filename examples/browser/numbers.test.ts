import { assert, it } from "@effect/vitest"
import * as fc from "fast-check"
import { count, describe, none } from "./numbers.ts"

const tallyOf = (numbers: ReadonlyArray<number>) => {
  const { lost, outOfOrder, received, twice } = numbers.reduce(count, none)
  return { received, lost, twice, outOfOrder }
}

it("finds nothing wrong with numbers in order, from wherever they begin", () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(50), (from, length) => {
      const numbers = Array.from({ length }, (_, index) => from + index)
      assert.deepStrictEqual(tallyOf(numbers), { received: length, lost: 0, twice: 0, outOfOrder: 0 })
    })
  )
})

it("counts what is missing until it comes late", () => {
  assert.deepStrictEqual(tallyOf([4, 7]), { received: 2, lost: 2, twice: 0, outOfOrder: 0 })
  assert.deepStrictEqual(tallyOf([4, 7, 5]), { received: 3, lost: 1, twice: 0, outOfOrder: 1 })
})

it("counts what comes again", () => {
  assert.deepStrictEqual(tallyOf([1, 2, 2, 1, 3]), { received: 5, lost: 0, twice: 2, outOfOrder: 0 })
})

it("counts every packet once, whatever the order", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(Array.from({ length: 30 }, (_, index) => index)), (numbers) => {
      const { outOfOrder, received, twice } = tallyOf(numbers)
      assert.strictEqual(received, numbers.length)
      assert.isAtMost(outOfOrder + twice, numbers.length)
    })
  )
})

it("says it in words", () => {
  assert.strictEqual(describe(none, "bob"), "No numbered packets from bob yet")
  assert.strictEqual(
    describe({ received: 1312, lost: 0, twice: 2, outOfOrder: 0 }, "bob"),
    "1,312 numbered packets from bob: none lost, 2 twice, none out of order"
  )
})
