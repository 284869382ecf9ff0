import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as LastHeard from "../src/internal/LastHeard.ts"

const limits = { longestSilence: 20, settled: 45 }

const after = (times: ReadonlyArray<number>) =>
  times.reduce((heard, now) => LastHeard.hear(heard, now, limits), LastHeard.make(0))

/** Signs of life every ten milliseconds, the first and the last at these times. */
const steady = (from: number, to: number) => Array.from({ length: (to - from) / 10 + 1 }, (_, step) => from + step * 10)

describe("when the far end was last heard", () => {
  it("is when it said something, while no silence is too long", () => {
    assert.strictEqual(LastHeard.until(after([10, 30, 50])), 50)
  })

  it("is before a silence that was too long, until there were signs of life for long enough", () => {
    assert.strictEqual(LastHeard.until(after([10, 1000, ...steady(1000, 1040)])), 10)
    assert.strictEqual(LastHeard.until(after([10, 1000, ...steady(1000, 1050)])), 1050)
  })

  it("is before the first of silences that follow each other closely", () => {
    assert.strictEqual(LastHeard.until(after([10, 1000, 1010, 2000])), 10)
    assert.strictEqual(LastHeard.until(after([10, ...steady(1000, 1050), 2000])), 1050)
  })

  it("is never after the latest sign of life, and never sooner than it was before a silence (any times)", () => {
    const gaps = FastCheck.array(FastCheck.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 60 })
    FastCheck.assert(
      FastCheck.property(gaps, (gaps) => {
        let now = 0
        let heard = LastHeard.make(now)
        let last = 0
        for (const gap of gaps) {
          now += gap
          heard = LastHeard.hear(heard, now, limits)
          const until = LastHeard.until(heard)
          assert.isAtMost(until, now)
          assert.isAtLeast(until, last)
          if (until < now) assert.isDefined(heard.silence)
          last = until
        }
        // However it was before, it is forgotten after signs of life for long enough.
        for (const sign of steady(now + 10, now + 70)) heard = LastHeard.hear(heard, sign, limits)
        assert.strictEqual(LastHeard.until(heard), now + 70)
      })
    )
  })
})
