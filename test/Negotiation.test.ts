import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { Negotiation } from "effect-livekit"

const step = FastCheck.oneof(
  FastCheck.record({ name: FastCheck.constant("request" as const), iceRestart: FastCheck.boolean() }),
  FastCheck.record({
    name: FastCheck.constantFrom("offer" as const, "answer" as const, "again" as const, "fail" as const)
  })
)

describe("Negotiation", () => {
  it("forgets no request and no restart, and never uses an offer id twice", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 200 }), (steps) => {
        let state = Negotiation.initial
        let wantsRestart = false
        const ids: Array<number> = []
        for (const next of steps) {
          if (next.name === "request") {
            state = Negotiation.request(state, next)
            wantsRestart ||= next.iceRestart
          } else if (next.name === "offer") {
            if (Negotiation.next(state) === "Offer") {
              assert.isTrue(state.outstanding === undefined || wantsRestart)
              assert.strictEqual(state.iceRestart, wantsRestart)
              const after = Negotiation.offered(state)
              ids.push(after.outstanding.id)
              state = after
              wantsRestart = false
            }
          } else if (next.name === "again") {
            state = Negotiation.offeredAgain(state)
            if (state.outstanding !== undefined) ids.push(state.outstanding.id)
          } else if (next.name === "answer") {
            state = Negotiation.answered(state)
          } else {
            const uncovered = state.outstanding === undefined ? 0 : state.requested - state.outstanding.covers
            if (state.outstanding === undefined) wantsRestart = false
            state = Negotiation.failed(state)
            assert.strictEqual(state.requested - state.acknowledged, uncovered)
          }
          const covered = state.outstanding?.covers ?? state.acknowledged
          assert.isAtMost(state.acknowledged, covered)
          assert.isAtMost(covered, state.requested)
          assert.strictEqual(Negotiation.next(state) === "Nothing", state.requested === covered)
        }
        assert.deepStrictEqual(
          ids,
          ids.map((_, index) => index + 1)
        )
      })
    )
  })

  it("takes the answer of the offer that is out, or one without an id, and no other", () => {
    const first = Negotiation.offered(Negotiation.request(Negotiation.initial, { iceRestart: false }))
    const second = Negotiation.offeredAgain(first)
    assert.isFalse(Negotiation.isCurrent(Negotiation.initial, 0))
    assert.isTrue(Negotiation.isCurrent(first, 1))
    assert.isFalse(Negotiation.isCurrent(second, 1))
    assert.isTrue(Negotiation.isCurrent(second, 2))
    assert.isTrue(Negotiation.isCurrent(second, 0))
  })
})
