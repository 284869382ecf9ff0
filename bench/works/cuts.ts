/**
 * The signal connection of the sender is cut, or cannot be had for a while.
 */
import { Effect } from "effect"
import type { ChildError } from "../../test/clients/Child.ts"
import * as TcpProxy from "../../test/fakes/TcpProxy.ts"
import * as clock from "../perform.ts"
import { type Bench, inTurn, joinBoth, leaveBoth, type Round } from "../Run.ts"
import type { Target } from "../Target.ts"

const now = Effect.sync(clock.now)
const spacing = 5

/** The sender ticks, its connection is troubled, it is back: when it was, and how long nothing of it was heard. */
const troubled = Effect.fnUntraced(function* (
  target: Target,
  round: Round,
  trouble: Effect.Effect<number, ChildError>
) {
  yield* joinBoth(target, round)
  yield* round.sender.run({ _tag: "Tick", spacing })
  yield* Effect.sleep(300)
  const from = yield* trouble
  const backAt = yield* round.sender.run({ _tag: "Back" })
  yield* Effect.sleep(300)
  const sent = yield* round.sender.run({ _tag: "StopTicking" })
  yield* Effect.sleep(500)
  const arrivals = yield* round.receiver.run({ _tag: "Arrivals" })
  const gaps = arrivals.slice(1).map((time, index) => time - (arrivals[index] ?? time))
  yield* leaveBoth(round)
  return { back: backAt - from, silent: Math.max(...gaps), lost: sent - arrivals.length }
})

export const resume = (bench: Bench, target: Target) =>
  Effect.gen(function* () {
    const proxy = yield* TcpProxy.make(target.url)
    const cut = Effect.tap(now, () => proxy.cut)
    yield* inTurn(bench, target, "resume", (round) =>
      Effect.map(
        troubled(target, { ...round, sender: behind(proxy.url, round.sender) }, cut),
        ({ back, lost, silent }) => {
          round.record({ name: "signal cut to resumed", unit: "ms", better: "lower" }, back)
          round.record(
            { name: "signal cut, longest silence of a sender of 200/s", unit: "ms", better: "lower" },
            silent
          )
          round.record({ name: "signal cut, reliable packets lost", unit: "", better: "lower" }, lost)
        }
      )
    )
  }).pipe(Effect.scoped)

export const refused = (bench: Bench, target: Target, millis = 3_000) =>
  Effect.gen(function* () {
    const proxy = yield* TcpProxy.make(target.url)
    const refuse = proxy.refuse.pipe(
      Effect.andThen(proxy.cut),
      Effect.andThen(Effect.sleep(millis)),
      Effect.andThen(proxy.accept),
      Effect.andThen(now)
    )
    yield* inTurn(bench, target, "dials refused", (round) =>
      Effect.map(troubled(target, { ...round, sender: behind(proxy.url, round.sender) }, refuse), ({ back, lost }) => {
        const name = `dials refused for ${millis / 1000} s`
        round.record({ name: `${name}, from then to resumed`, unit: "ms", better: "lower" }, back)
        round.record({ name: `${name}, reliable packets lost`, unit: "", better: "lower" }, lost)
      })
    )
  }).pipe(Effect.scoped)

/** A worker that joins by another address. */
const behind = (url: string, sender: Round["sender"]): Round["sender"] => ({
  run: (task) => sender.run(task._tag === "Join" ? { ...task, url } : task)
})
