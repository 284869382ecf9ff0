/**
 * What a seed stands for: who takes part and how, what the network is like, what goes wrong, and what the applications do. Plain
 * data, so that it can be printed, shrunk and run again. Times are milliseconds from the beginning.
 */
import * as fc from "fast-check"

/** One way. */
export interface Network {
  readonly latency: number
  readonly jitter: number
  readonly loss: number
}

export interface Participant {
  readonly joinAt: number
  readonly mode: "single" | "dual" | "auto"
  readonly iceRestart: boolean
  readonly network: Network
  /** Seconds that the first token is good for. */
  readonly tokenTtl: number
  /** Bytes of reliable data that may wait. */
  readonly capacity: number
}

export type Path = "signal" | "media" | "both"
export type Way = "up" | "down" | "both"

/** `who` counts the participants, and starts again after the last. */
export type Fault = { readonly at: number; readonly who: number } & (
  | { readonly _tag: "DropSignal" }
  | { readonly _tag: "CloseSignal"; readonly code: number }
  | { readonly _tag: "StallSignal" }
  | { readonly _tag: "Leave"; readonly action: "disconnect" | "resume" | "reconnect" | "canReconnect" }
  | { readonly _tag: "RefuseResume" }
  | { readonly _tag: "CloseChannel"; readonly kind: "reliable" | "lossy" }
  | { readonly _tag: "RefuseBytes" }
  | { readonly _tag: "Garbage" }
  /** What was begun before gets nothing through any more, and hears nothing of it. */
  | { readonly _tag: "ChangeAddress" }
  | ({ readonly lasts: number } & (
      | { readonly _tag: "Partition"; readonly path: Path; readonly way: Way }
      | { readonly _tag: "Congestion"; readonly latency: number; readonly loss: number }
      | { readonly _tag: "DialTrouble"; readonly trouble: "stall" | "silence" | "late" | "401" | "503" }
      | { readonly _tag: "RepeatMessages" }
      | { readonly _tag: "DelayMessages"; readonly millis: number }
      | { readonly _tag: "LoseCandidates" }
      /** What is sent is lost for that long, and then the signal connection, as when a session moves to another node. */
      | { readonly _tag: "Move" }
      /** These befall everybody. */
      | { readonly _tag: "RefuseDials" }
      | { readonly _tag: "RestartServer" }
      | { readonly _tag: "RegionDown"; readonly region: number }
    ))
)

export type Action = { readonly at: number; readonly who: number } & (
  | {
      readonly _tag: "Send"
      readonly count: number
      /** Milliseconds between two packets. */
      readonly every: number
      readonly size: number
      readonly kind: "reliable" | "lossy"
      readonly whenFull: "suspend" | "fail"
      /** Milliseconds after which the sending fiber is interrupted; 0 never. */
      readonly interruptAfter: number
    }
  | { readonly _tag: "Request"; readonly count: number; readonly every: number }
  | { readonly _tag: "ReconnectNow" }
  | {
      readonly _tag: "Depart"
      readonly how: "disconnect" | "close scope"
      /** Milliseconds until the next connect. */
      readonly rest: number
      /** Milliseconds after which that connect is interrupted, to be tried again; 0 never. */
      readonly interruptAfter: number
    }
)

export interface Scenario {
  readonly participants: ReadonlyArray<Participant>
  readonly regions: number
  readonly hasV1: boolean
  readonly policy: "byEvidence" | "reference"
  readonly inDoubt: "resend" | "report"
  readonly faults: ReadonlyArray<Fault>
  readonly actions: ReadonlyArray<Action>
}

const millis = (min: number, max: number) => fc.integer({ min, max })
const often = <const A>(...values: ReadonlyArray<readonly [number, A]>) =>
  fc.oneof(...values.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })))

const network: fc.Arbitrary<Network> = fc.record({
  latency: fc.oneof(fc.constant(0), millis(1, 150)),
  jitter: fc.oneof(fc.constant(0), millis(1, 60)),
  loss: often([3, 0], [1, 0.02], [1, 0.1])
})

const participant: fc.Arbitrary<Participant> = fc.record({
  joinAt: millis(0, 3_000),
  mode: fc.constantFrom("single", "dual", "auto"),
  iceRestart: fc.boolean(),
  network,
  tokenTtl: fc.constantFrom(600, 30, 90),
  capacity: often([2, 2 * 1024 * 1024], [1, 4_000], [1, 40_000])
})

const when = fc.oneof({ weight: 4, arbitrary: millis(0, 60_000) }, { weight: 1, arbitrary: millis(0, 240_000) })
const lasts = fc.oneof(millis(1, 1_000), millis(1, 10_000), millis(1, 50_000), millis(1, 80_000))
const who = fc.nat({ max: 3 })
const moment = { at: when, who }

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ ...moment, _tag: fc.constant("DropSignal") }) },
  fc.record({ ...moment, _tag: fc.constant("CloseSignal"), code: fc.constantFrom(1000, 1001, 1011, 3000, 4000) }),
  fc.record({ ...moment, _tag: fc.constant("StallSignal") }),
  fc.record({
    ...moment,
    _tag: fc.constant("Leave"),
    action: fc.constantFrom("resume", "reconnect", "canReconnect", "disconnect")
  }),
  fc.record({ ...moment, _tag: fc.constant("RefuseResume") }),
  fc.record({ ...moment, _tag: fc.constant("CloseChannel"), kind: fc.constantFrom("reliable", "lossy") }),
  fc.record({ ...moment, _tag: fc.constant("RefuseBytes") }),
  fc.record({ ...moment, _tag: fc.constant("Garbage") }),
  fc.record({ ...moment, _tag: fc.constant("ChangeAddress") }),
  {
    weight: 4,
    arbitrary: fc.record({
      ...moment,
      lasts,
      _tag: fc.constant("Partition"),
      path: fc.constantFrom("both", "signal", "media"),
      way: often([2, "both"], [1, "up"], [1, "down"])
    })
  },
  fc.record({
    ...moment,
    lasts,
    _tag: fc.constant("Congestion"),
    latency: millis(100, 2_000),
    loss: fc.constantFrom(0, 0.3)
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      ...moment,
      lasts,
      _tag: fc.constant("DialTrouble"),
      trouble: fc.constantFrom("stall", "silence", "late", "401", "503")
    })
  },
  fc.record({ ...moment, lasts, _tag: fc.constant("RepeatMessages") }),
  fc.record({ ...moment, lasts, _tag: fc.constant("DelayMessages"), millis: millis(1, 4_000) }),
  fc.record({ ...moment, lasts, _tag: fc.constant("LoseCandidates") }),
  { weight: 3, arbitrary: fc.record({ ...moment, lasts: millis(1, 5_000), _tag: fc.constant("Move") }) },
  fc.record({ ...moment, lasts, _tag: fc.constant("RefuseDials") }),
  { weight: 2, arbitrary: fc.record({ ...moment, lasts, _tag: fc.constant("RestartServer") }) },
  fc.record({ ...moment, lasts, _tag: fc.constant("RegionDown"), region: fc.nat({ max: 2 }) })
)

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      ...moment,
      _tag: fc.constant("Send"),
      count: fc.integer({ min: 1, max: 30 }),
      every: fc.oneof(fc.constant(0), millis(1, 500), millis(1, 4_000)),
      size: often([6, 24], [2, 1_000], [2, 15_000], [1, 63_000], [1, 70_000]),
      kind: often([5, "reliable"], [1, "lossy"]),
      whenFull: often([3, "suspend"], [1, "fail"]),
      interruptAfter: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: millis(1, 20_000) })
    })
  },
  fc.record({
    ...moment,
    _tag: fc.constant("Request"),
    count: fc.integer({ min: 1, max: 20 }),
    every: fc.oneof(millis(1, 300), millis(1, 4_000))
  }),
  fc.record({ ...moment, _tag: fc.constant("ReconnectNow") }),
  fc.record({
    ...moment,
    _tag: fc.constant("Depart"),
    how: fc.constantFrom("disconnect", "close scope"),
    rest: millis(0, 5_000),
    interruptAfter: fc.oneof(fc.constant(0), millis(1, 400), millis(1, 5_000))
  })
)

export const arbitrary: fc.Arbitrary<Scenario> = fc
  .record({
    participants: fc.array(participant, { minLength: 1, maxLength: 4 }),
    regions: fc.integer({ min: 1, max: 3 }),
    hasV1: often([5, true], [1, false]),
    policy: often([4, "byEvidence"], [1, "reference"]),
    inDoubt: often([4, "resend"], [1, "report"]),
    faults: fc.array(fault, { maxLength: 10, size: "max" }),
    actions: fc.array(action, { maxLength: 14, size: "max" })
  })
  // Who insists on the newer route does not go to an older server.
  .map((scenario) =>
    scenario.hasV1
      ? scenario
      : {
          ...scenario,
          participants: scenario.participants.map((one) =>
            one.mode === "single" ? { ...one, mode: "auto" as const } : one
          )
        }
  )

/** The participant that a fault or an action is about. */
export const whoOf = ({ participants }: Scenario, { who }: { readonly who: number }) => who % participants.length

const names = ["alice", "bob", "carol", "dave"]
export const nameOf = (index: number): string => names[index] ?? `participant-${index}`

/** When all that goes wrong or is done has begun and ended. */
export const endOf = ({ actions, faults, participants }: Scenario): number =>
  100 +
  Math.max(
    1_000,
    ...participants.map(({ joinAt }) => joinAt),
    ...faults.map((fault) => fault.at + ("lasts" in fault ? fault.lasts : 0)),
    ...actions.map((action) => action.at + ("every" in action ? Math.min(60_000, action.count * action.every) : 0))
  )
