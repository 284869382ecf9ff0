import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import * as FastCheck from "fast-check"
import { DataChannelError, DisconnectCause, ReconnectPlan } from "effect-livekit"

const strength = { Resume: 0, Restart: 1, GiveUp: 2 }
const recovery = FastCheck.constantFrom("Resume" as const, "Restart" as const, "GiveUp" as const)

const cause: FastCheck.Arbitrary<DisconnectCause.DisconnectCause> = FastCheck.oneof(
  FastCheck.integer({ min: 0, max: 2 }).map((action) => ({
    _tag: "Leave" as const,
    leave: new LeaveRequest({ action, reason: DisconnectReason.SERVER_SHUTDOWN })
  })),
  FastCheck.constant({ _tag: "SignalEnded" as const, end: { _tag: "Closed" as const, code: 1000, why: "" } }),
  FastCheck.constant({ _tag: "PeerConnectionFailed" as const, target: "publisher" as const }),
  FastCheck.constant({
    _tag: "ChannelLost" as const,
    reason: new DataChannelError.ChannelClosed({ label: "_reliable" })
  }),
  FastCheck.constant({ _tag: "Requested" as const })
)

const step = FastCheck.oneof(
  FastCheck.record({ name: FastCheck.constant("observe" as const), cause }),
  FastCheck.record({ name: FastCheck.constant("failed" as const), recovery }),
  FastCheck.record({ name: FastCheck.constant("attempted" as const) })
)

type Step = typeof step extends FastCheck.Arbitrary<infer A> ? A : never

const apply = (plan: ReconnectPlan.ReconnectPlan, next: Step) =>
  next.name === "observe"
    ? ReconnectPlan.observe(plan, next.cause)
    : next.name === "failed"
      ? ReconnectPlan.failed(plan, next.recovery)
      : ReconnectPlan.attempted(plan)

describe("ReconnectPlan", () => {
  it("asks for the strongest of all that was learnt, and never for less again", () => {
    FastCheck.assert(
      FastCheck.property(cause, FastCheck.array(step), (first, steps) => {
        let plan = ReconnectPlan.start(first)
        let strongest = strength[DisconnectCause.recovery(first)]
        for (const next of steps) {
          plan = apply(plan, next)
          const asked =
            next.name === "observe"
              ? DisconnectCause.recovery(next.cause)
              : next.name === "failed"
                ? next.recovery
                : "Resume"
          strongest = Math.max(strongest, strength[asked])
          assert.strictEqual(strength[plan.asked], strongest)
        }
      })
    )
  })

  it("remembers what started the outage, the first goodbye, and how often it was tried", () => {
    FastCheck.assert(
      FastCheck.property(cause, FastCheck.array(step), (first, steps) => {
        const plan = steps.reduce(apply, ReconnectPlan.start(first))
        const causes = [first, ...steps.flatMap((next) => (next.name === "observe" ? [next.cause] : []))]
        assert.strictEqual(plan.cause, first)
        assert.strictEqual(
          plan.goodbye,
          causes.find((each) => DisconnectCause.recovery(each) === "GiveUp")
        )
        assert.strictEqual(plan.attempts, steps.filter(({ name }) => name === "attempted").length)
      })
    )
  })

  it("is urgent from the moment that the server or the application asks, until the next attempt", () => {
    const lost = { _tag: "SignalEnded", end: { _tag: "Closed", code: 1006, why: "" } } as const
    const leave = { _tag: "Leave", leave: new LeaveRequest({ action: LeaveRequest_Action.RESUME }) } as const
    const requested = { _tag: "Requested" } as const
    for (const call of [leave, requested]) {
      const waiting = ReconnectPlan.start(lost)
      assert.isFalse(waiting.urgent)
      const called = ReconnectPlan.observe(ReconnectPlan.observe(waiting, call), lost)
      assert.isTrue(called.urgent, "a later cause does not take it back")
      assert.isFalse(ReconnectPlan.attempted(called).urgent)
      assert.isTrue(ReconnectPlan.start(call).urgent)
    }
  })

  it("does not take the failure of an attempt for a goodbye of the server", () => {
    const plan = ReconnectPlan.failed(ReconnectPlan.start({ _tag: "Requested" }), "GiveUp")
    assert.strictEqual(plan.asked, "GiveUp")
    assert.isUndefined(plan.goodbye)
  })
})

describe("ReconnectPlan.stronger", () => {
  it("is one of its two arguments, and none is stronger", () => {
    FastCheck.assert(
      FastCheck.property(recovery, recovery, (a, b) => {
        const result = ReconnectPlan.stronger(a, b)
        assert.include([a, b], result)
        assert.strictEqual(strength[result], Math.max(strength[a], strength[b]))
      })
    )
  })
})
