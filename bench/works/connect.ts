import { Effect } from "effect"
import { type Bench, inTurn, leaveBoth } from "../Run.ts"
import type { Target } from "../Target.ts"

/** From nothing to the first reliable message at the other participant, who is there already. */
export const connect = (bench: Bench, target: Target, name = "connect to first message") =>
  inTurn(
    bench,
    target,
    name,
    Effect.fnUntraced(function* (round) {
      const { receiver, room, sender } = round
      yield* receiver.run({ _tag: "Join", url: target.url, token: yield* target.token("receiver", room) })
      yield* receiver.run({ _tag: "Forget" })
      const { startedAt } = yield* sender.run({
        _tag: "JoinAndSend",
        url: target.url,
        token: yield* target.token("sender", room)
      })
      const { lastAt } = yield* receiver.run({ _tag: "Received", count: 1 })
      round.record({ name, unit: "ms", better: "lower" }, lastAt - startedAt)
      yield* leaveBoth(round)
    })
  ).pipe(Effect.scoped)
