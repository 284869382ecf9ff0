/**
 * Every sequence of up to six causes through the plan of an outage, and every sequence of up to three through an engine.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import {
  DataChannelError,
  DisconnectCause,
  PeerConnectionError,
  ReconnectPlan,
  ReconnectPolicy,
  type Recovery
} from "effect-livekit"
import type { Action, Fault, Participant } from "./simulator/Scenario.ts"
import { judge } from "./simulator/Seed.ts"

const leave = (action: LeaveRequest_Action, reason: DisconnectReason): DisconnectCause.DisconnectCause => ({
  _tag: "Leave",
  leave: new LeaveRequest({ action, reason })
})
const causes: ReadonlyArray<DisconnectCause.DisconnectCause> = [
  { _tag: "SignalEnded", end: { _tag: "Closed", code: 1006, why: "" } },
  { _tag: "SignalEnded", end: { _tag: "PingTimeout" } },
  { _tag: "PeerConnectionFailed", target: "publisher" },
  {
    _tag: "PeerConnectionError",
    target: "publisher",
    reason: new PeerConnectionError.IceTimeout({ target: "publisher", millis: 1 })
  },
  {
    _tag: "PeerConnectionError",
    target: "subscriber",
    reason: new PeerConnectionError.CreationFailed({ cause: "no runtime" })
  },
  { _tag: "ChannelLost", reason: new DataChannelError.ChannelClosed({ label: "_reliable" }) },
  leave(LeaveRequest_Action.RESUME, DisconnectReason.STATE_MISMATCH),
  leave(LeaveRequest_Action.RECONNECT, DisconnectReason.SERVER_SHUTDOWN),
  leave(LeaveRequest_Action.DISCONNECT, DisconnectReason.PARTICIPANT_REMOVED),
  { _tag: "Requested" },
  { _tag: "Defect", cause: "a bug" }
]
const rank: Record<Recovery.Recovery, number> = { Resume: 0, Restart: 1, GiveUp: 2 }
const isUrgent = ({ _tag }: DisconnectCause.DisconnectCause) => _tag === "Leave" || _tag === "Requested"

interface Told {
  readonly first: DisconnectCause.DisconnectCause
  readonly strongest: number
  readonly goodbye: DisconnectCause.DisconnectCause | undefined
  readonly urgent: boolean
  readonly attempts: number
}

const holds = (plan: ReconnectPlan.ReconnectPlan, told: Told): boolean =>
  plan.cause === told.first &&
  rank[plan.asked] === told.strongest &&
  plan.goodbye === told.goodbye &&
  plan.urgent === told.urgent &&
  plan.attempts === told.attempts

/** Whether the decisions are those that the evidence allows. */
const decides = ({ asked, attempts, cause }: ReconnectPlan.ReconnectPlan): boolean => {
  const evidence = { attempt: attempts + 1, cause, asked }
  for (const pathAlive of [true, false]) {
    for (const resumable of [true, false]) {
      const decision = ReconnectPolicy.decideByEvidence({ ...evidence, pathAlive, resumable })
      if (rank[decision] < rank[asked]) return false
      if (decision === "Resume" && (!resumable || !(pathAlive || evidence.attempt === 1))) return false
      if (decision === "GiveUp" && asked !== "GiveUp") return false
    }
  }
  return true
}

describe("the plan of an outage", () => {
  it("drops no cause, in any sequence of up to six, with attempts between them", () => {
    let sequences = 0
    const go = (plan: ReconnectPlan.ReconnectPlan, told: Told, left: number) => {
      sequences++
      if (!holds(plan, told) || !decides(plan)) assert.fail(`${JSON.stringify(plan)} after ${JSON.stringify(told)}`)
      if (left === 0) return
      for (const cause of causes) {
        const recovery = DisconnectCause.recovery(cause)
        const after: Told = {
          ...told,
          strongest: Math.max(told.strongest, rank[recovery]),
          goodbye: told.goodbye ?? (recovery === "GiveUp" ? cause : undefined),
          urgent: told.urgent || isUrgent(cause)
        }
        go(ReconnectPlan.observe(plan, cause), after, left - 1)
      }
    }
    for (const first of causes) {
      const recovery = DisconnectCause.recovery(first)
      const told: Told = {
        first,
        strongest: rank[recovery],
        goodbye: recovery === "GiveUp" ? first : undefined,
        urgent: isUrgent(first),
        attempts: 0
      }
      go(ReconnectPlan.start(first), told, 5)
      // An attempt takes the urgency and nothing else; its failure may ask for more.
      for (const failure of ["Resume", "Restart", "GiveUp"] as const) {
        const tried = ReconnectPlan.failed(ReconnectPlan.attempted(ReconnectPlan.start(first)), failure)
        const after = { ...told, urgent: false, attempts: 1, strongest: Math.max(told.strongest, rank[failure]) }
        go(tried, after, 3)
      }
    }
    assert.strictEqual(sequences, 1_948_716 + 33 * 1_464)
  }, 120_000)
})

type Moment = (at: number) => { readonly fault?: Fault; readonly action?: Action }

const moments: ReadonlyArray<Moment> = [
  (at) => ({ fault: { _tag: "DropSignal", who: 0, at } }),
  (at) => ({ fault: { _tag: "Leave", action: "resume", who: 0, at } }),
  (at) => ({ fault: { _tag: "Leave", action: "reconnect", who: 0, at } }),
  (at) => ({ fault: { _tag: "Leave", action: "disconnect", who: 0, at } }),
  (at) => ({ fault: { _tag: "CloseChannel", kind: "reliable", who: 0, at } }),
  (at) => ({ action: { _tag: "ReconnectNow", who: 0, at } })
]
const participant: Participant = {
  joinAt: 0,
  mode: "single",
  iceRestart: true,
  network: { latency: 10, jitter: 0, loss: 0 },
  tokenTtl: 600,
  capacity: 100_000
}

describe("an engine", () => {
  for (const [mode, most] of [
    ["single", 3],
    ["dual", 2]
  ] as const) {
    it(`comes through every sequence of up to ${most} causes, together or in turn (${mode})`, () => {
      const play = (chosen: ReadonlyArray<Moment>, apart: number) => {
        const happen = chosen.map((moment, index) => moment(3_000 + index * apart))
        const { violations } = judge({
          participants: [{ ...participant, mode }],
          regions: 1,
          hasV1: true,
          policy: "byEvidence",
          inDoubt: "resend",
          faults: happen.flatMap(({ fault }) => fault ?? []),
          actions: happen.flatMap(({ action }) => action ?? [])
        })
        assert.deepStrictEqual(violations, [], JSON.stringify(happen))
      }
      for (const first of moments) {
        play([first], 0)
        for (const second of moments) {
          for (const apart of [0, 15]) play([first, second], apart)
          if (most === 3) for (const third of moments) play([first, second, third], 25)
        }
      }
    }, 240_000)
  }
})
