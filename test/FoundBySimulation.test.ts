/**
 * Bugs that the simulator found in the engine, as the smallest histories that showed them.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Action, Fault, Participant, Scenario } from "./simulator/Scenario.ts"
import { judge } from "./simulator/Seed.ts"

const participant: Participant = {
  joinAt: 0,
  mode: "auto",
  iceRestart: true,
  network: { latency: 5, jitter: 0, loss: 0 },
  tokenTtl: 600,
  capacity: 2 * 1024 * 1024
}
const scenario = (change: Partial<Scenario>): Scenario => ({
  participants: [participant, participant],
  regions: 1,
  hasV1: true,
  policy: "byEvidence",
  inDoubt: "resend",
  faults: [],
  actions: [],
  ...change
})
const holds = (change: Partial<Scenario>, seed = 1) =>
  assert.deepStrictEqual(judge(scenario(change), { seed }).violations, [])

const send = (options: Partial<Extract<Action, { _tag: "Send" }>>): Action => ({
  _tag: "Send",
  at: 1_000,
  who: 0,
  count: 1,
  every: 0,
  size: 24,
  kind: "reliable",
  whenFull: "suspend",
  interruptAfter: 0,
  ...options
})
const reconnectNow = (at: number): Action => ({ _tag: "ReconnectNow", who: 0, at })
const dropSignal = (at: number): Fault => ({ _tag: "DropSignal", who: 0, at })

describe("the engine", () => {
  it("pings on a clock that counts parts of milliseconds", () => {
    holds({
      participants: [{ ...participant, network: { latency: 1, jitter: 40, loss: 0 } }],
      actions: [reconnectNow(30_000)]
    })
  })

  it("leaves no listener on a socket that opened, nor on one that was refused", () => {
    holds({ faults: [{ _tag: "RefuseDials", who: 0, at: 1_000, lasts: 5_000 }, dropSignal(1_500)] })
  })

  it("tells the server of its end after a resume too", () => {
    holds({ faults: [dropSignal(5_000)] })
  })

  it("wakes a sender that waits, with less capacity than the low watermark", () => {
    for (const capacity of [4_000, 40_000, 100_000]) {
      for (const size of [3_000, 15_000, 63_000]) {
        holds({ participants: [{ ...participant, capacity }, participant], actions: [send({ count: 12, size })] })
      }
    }
  })

  it("drops what a sender sends again that was silent for long", () => {
    holds({ actions: [send({ count: 3 })], faults: [{ _tag: "CloseChannel", kind: "reliable", who: 0, at: 190_000 }] })
    holds({
      actions: [send({ count: 3 }), reconnectNow(200_000)],
      participants: [{ ...participant, iceRestart: false, mode: "dual" }, participant]
    })
  })

  it("does not forget a channel that is lost while a resume succeeds", () => {
    holds({
      participants: [{ ...participant, mode: "single", network: { latency: 10, jitter: 0, loss: 0 } }],
      faults: [dropSignal(3_000), { _tag: "CloseChannel", kind: "reliable", who: 0, at: 3_050 }]
    })
  })

  it("replays what a move to another node lost before what is sent during the resume", () => {
    const slow = { ...participant, network: { latency: 100, jitter: 0, loss: 0 } }
    holds({
      participants: [slow, slow],
      actions: [send({ at: 10_000, count: 60, every: 50 })],
      faults: [{ _tag: "Move", who: 0, at: 10_500, lasts: 1_000 }]
    })
  })

  it("does not take the answer to its own leave for a goodbye, though it comes while the session is closed", () => {
    // Seeds differ in how fibers take turns, and in which of them the answer comes in time.
    for (const seed of [5, 6, 7, 8, 9]) {
      for (const latency of [0, 5, 200]) {
        const near = { ...participant, network: { latency, jitter: 0, loss: 0 } }
        holds(
          { participants: [near, near], faults: [{ _tag: "CloseChannel", kind: "lossy", who: 0, at: 5_000 }] },
          seed
        )
      }
    }
  })
})
