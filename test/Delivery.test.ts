import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as Delivery from "../src/internal/rtp/Delivery.ts"

const block = (sequence: number, packetsLost: number) => ({
  ssrc: 1,
  fractionLost: 0,
  packetsLost,
  sequence,
  jitter: 0,
  lastReport: 0,
  delay: 0
})

describe("delivery", () => {
  it("is what arrived of what was sent, whatever we had left out, round the end of the numbers too", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 0, max: 0xffff }),
        FastCheck.array(FastCheck.constantFrom("arrives", "lost", "never had"), { minLength: 2, maxLength: 300 }),
        (first, fates) => {
          const all = ["arrives", ...fates, "arrives"] as const
          const self = Delivery.make()
          let missing = 0
          const report = (upTo: number) => {
            // The far end knows of no more than the last that arrived.
            let unknown = 0
            while (all[upTo - unknown] !== "arrives") unknown++
            Delivery.reported(self, block(first + upTo - unknown, missing - unknown))
          }
          all.forEach((fate, index) => {
            if (fate !== "never had") Delivery.sent(self, (first + index) & 0xffff)
            if (fate !== "arrives") missing++
            if (index === 0) report(0)
          })
          report(all.length - 1)
          const sent = all.slice(1).filter((fate) => fate !== "never had").length
          assert.closeTo(self.fractionLost, all.filter((fate) => fate === "lost").length / sent, 1e-9)
        }
      )
    )
  })

  it("takes no report amiss that knows of nothing that was sent", () => {
    const self = Delivery.make()
    Delivery.reported(self, block(77, 5))
    assert.strictEqual(self.fractionLost, 0)
    assert.strictEqual(self.block?.packetsLost, 5)
  })
})
