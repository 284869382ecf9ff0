/**
 * What a packet costs, in CPU of the process that sends it and of the one that receives it, as sessions, participants and packets
 * become more. What the sessions cost while nothing is sent is subtracted.
 */
import { Effect } from "effect"
import * as Child from "../../test/clients/Child.ts"
import type { Response, Task } from "../growthTask.ts"
import { median } from "../Figures.ts"
import type { Bench } from "../Run.ts"
import type { Target } from "../Target.ts"

type Process = Child.Child<Task, Response>

const size = 200
const start = Effect.suspend(() => Child.make<Task, Response>("bench/growthProcess.ts", []))

const join = Effect.fnUntraced(function* (
  process: Process,
  target: Target,
  who: ReadonlyArray<readonly [string, string]>
) {
  const tokens = yield* Effect.forEach(who, ([identity, room]) => target.token(identity, room))
  yield* process.ask({ _tag: "Join", url: target.url, tokens })
})

/** Until so many packets have come since, or no more come for two seconds. */
const received = Effect.fnUntraced(function* (process: Process, before: number, count: number) {
  for (let last = -1, quiet = 0; quiet < 40;) {
    const now = yield* process.ask({ _tag: "Spent" })
    if (now.received - before >= count) return now
    quiet = now.received === last ? quiet + 1 : 0
    last = now.received
    yield* Effect.sleep(50)
  }
  return yield* new Child.ChildError({ message: `not all of ${count} packets came` })
})

/** Microseconds of CPU that each process spends in a millisecond in which nothing is sent. */
const idleOf = Effect.fnUntraced(function* (processes: ReadonlyArray<Process>) {
  const all = Effect.forEach(processes, (process) => process.ask({ _tag: "Spent" }))
  const [began, before] = [performance.now(), yield* all]
  yield* Effect.sleep(5_000)
  const after = yield* all
  const millis = performance.now() - began
  return new Map(
    processes.map((process, index) => [process, ((after[index]?.cpu ?? 0) - (before[index]?.cpu ?? 0)) / millis])
  )
})

interface Load {
  readonly from: Process
  readonly to: Process
  readonly packets: number
  /** How many sessions receive each packet. */
  readonly receivers: number
  readonly only?: string
}

/** Microseconds of CPU of each packet sent, and of each received. */
const once = Effect.fnUntraced(function* (load: Load, idle: ReadonlyMap<Process, number>) {
  const { from, only, packets, receivers, to } = load
  const began = performance.now()
  const before = yield* Effect.all([from.ask({ _tag: "Spent" }), to.ask({ _tag: "Spent" })])
  yield* from.ask({ _tag: "Send", count: packets, size, ...(only === undefined ? {} : { to: only }) })
  const toAfter = yield* received(to, before[1].received, packets * receivers)
  const fromAfter = yield* from.ask({ _tag: "Spent" })
  const millis = performance.now() - began
  return {
    sent: (fromAfter.cpu - before[0].cpu - (idle.get(from) ?? 0) * millis) / packets,
    received: (toAfter.cpu - before[1].cpu - (idle.get(to) ?? 0) * millis) / (packets * receivers)
  }
})

/** Medians of five, after one that warms up. */
const cost = Effect.fnUntraced(function* (load: Load) {
  const idle = yield* idleOf([load.from, load.to])
  yield* once(load, idle)
  const all = yield* Effect.replicateEffect(once(load, idle), 5)
  return { sent: median(all.map(({ sent }) => sent)), received: median(all.map(({ received }) => received)) }
})

/** Pairs of sessions, each in a room of its own. */
const ofSessions = (target: Target, count: number) =>
  Effect.gen(function* () {
    const [from, to] = yield* Effect.all([start, start])
    const rooms = Array.from({ length: count }, (_, index) => `sessions-${count}-${index}`)
    yield* join(
      to,
      target,
      rooms.map((room) => ["receiver", room])
    )
    yield* join(
      from,
      target,
      rooms.map((room) => ["sender", room])
    )
    return yield* cost({ from, to, packets: 20_000, receivers: 1 })
  }).pipe(Effect.scoped)

/** A room of so many: one sends to all others, and all others send to it. */
const ofParticipants = (target: Target, count: number) =>
  Effect.gen(function* () {
    const [one, others] = yield* Effect.all([start, start])
    const room = `participants-${count}`
    yield* join(one, target, [["one", room]])
    yield* join(
      others,
      target,
      Array.from({ length: count - 1 }, (_, index) => [`other-${index}`, room])
    )
    const packets = Math.max(640, Math.floor(20_000 / (count - 1)))
    const toAll = yield* cost({ from: one, to: others, packets, receivers: count - 1 })
    const toOne = yield* cost({ from: others, to: one, packets: 20_000, receivers: 1, only: "one" })
    return { toAll, toOne }
  }).pipe(Effect.scoped)

const chunk = 100_000

/** One pair, at full speed: a hundred thousand packets once the code is warm, and the last hundred thousand. */
const ofPackets = (target: Target, packets: number) =>
  Effect.gen(function* () {
    const [from, to] = yield* Effect.all([start, start])
    yield* join(to, target, [["receiver", "packets"]])
    yield* join(from, target, [["sender", "packets"]])
    const next = once({ from, to, packets: chunk, receivers: 1 }, yield* idleOf([from, to]))
    yield* next
    const first = yield* next
    for (let sent = 3 * chunk; sent < packets; sent += chunk) yield* next
    return { first, last: yield* next }
  }).pipe(Effect.scoped)

export const growth = Effect.fnUntraced(function* (bench: Bench, target: Target, packets: number) {
  const add = (what: string, value: number) => {
    process.stderr.write(`  growth: ${what}: ${value.toFixed(1)} us\n`)
    bench.figures.add(
      { name: what, unit: "us/packet", better: "lower", server: target.name },
      "effect-livekit (node-datachannel)",
      value
    )
  }
  for (const count of [1, 10, 100]) {
    const { received, sent } = yield* ofSessions(target, count)
    add(`reliable 200 B sent, ${count} sessions in the process`, sent)
    add(`reliable 200 B received, ${count} sessions in the process`, received)
  }
  for (const count of [2, 20, 200]) {
    const { toAll, toOne } = yield* ofParticipants(target, count)
    add(`sent to all of ${count} in a room`, toAll.sent)
    add(`received by all of ${count} in a room, each`, toAll.received)
    add(`received from all of ${count} in a room`, toOne.received)
  }
  const { first, last } = yield* ofPackets(target, packets)
  for (const [when, { received, sent }] of [
    ["the second 100,000", first],
    [`the last 100,000 of ${packets / 1_000_000} million`, last]
  ] as const) {
    add(`sent, ${when}`, sent)
    add(`received, ${when}`, received)
  }
})
