/**
 * Data between two participants: round trips, bulk, and lossy packets at a rate.
 */
import { Effect } from "effect"
import { quantile } from "../Figures.ts"
import { type Bench, inTurn, joinBoth, leaveBoth } from "../Run.ts"
import type { Target } from "../Target.ts"

export const roundTrip = (bench: Bench, target: Target) =>
  inTurn(
    bench,
    target,
    "round trip",
    Effect.fnUntraced(function* (round) {
      yield* joinBoth(target, round)
      yield* round.receiver.run({ _tag: "Echo" })
      const times = yield* round.sender.run({ _tag: "RoundTrips", count: 200, size: 1024, spacing: 10 })
      round.record({ name: "round trip of 1 KB at 100/s, p50", unit: "ms", better: "lower" }, quantile(times, 0.5))
      round.record({ name: "round trip of 1 KB at 100/s, p99", unit: "ms", better: "lower" }, quantile(times, 0.99))
      yield* leaveBoth(round)
    })
  ).pipe(Effect.scoped)

export const throughput = (bench: Bench, target: Target, megabytes = 50) =>
  inTurn(
    bench,
    target,
    "throughput",
    Effect.fnUntraced(function* (round) {
      const size = 14 * 1024
      const count = Math.ceil((megabytes * 1024 * 1024) / size)
      yield* joinBoth(target, round)
      const { cpu, startedAt } = yield* round.sender.run({ _tag: "Flood", count, size })
      const { count: received, lastAt } = yield* round.receiver.run({ _tag: "Received", count })
      const name = `reliable ${megabytes} MB in 14 KB packets`
      round.record({ name, unit: "MB/s", better: "higher" }, (received * size) / 1024 / 1.024 / (lastAt - startedAt))
      round.record({ name: `${name}, CPU of the sender`, unit: "ms/MB", better: "lower" }, cpu / megabytes)
      round.record({ name: `${name}, delivered`, unit: "%", better: "higher" }, (received / count) * 100)
      yield* leaveBoth(round)
    })
  ).pipe(Effect.scoped)

export const lossy = (bench: Bench, target: Target, perSecond: number) =>
  inTurn(
    bench,
    target,
    `lossy ${perSecond}/s`,
    Effect.fnUntraced(function* (round) {
      yield* joinBoth(target, round)
      const { cpu, delayP99, sent } = yield* round.sender.run({ _tag: "Lossy", perSecond, size: 200, seconds: 3 })
      yield* Effect.sleep(500)
      const arrived = yield* round.receiver.run({ _tag: "Arrivals" })
      const name = `${perSecond} lossy packets/s of 200 B`
      round.record(
        { name: `${name}, delivered`, unit: "%", better: "higher" },
        (arrived.length / (perSecond * 3)) * 100
      )
      if (delayP99 !== undefined) {
        round.record({ name: `${name}, event loop delay p99`, unit: "ms", better: "lower" }, delayP99)
      }
      round.record({ name: `${name}, CPU of the sender`, unit: "us/packet", better: "lower" }, (cpu * 1000) / sent)
      yield* leaveBoth(round)
    })
  ).pipe(Effect.scoped)
