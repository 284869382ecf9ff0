import { Effect } from "effect"
import * as TcpProxy from "../../test/fakes/TcpProxy.ts"
import * as UdpRelay from "../../test/fakes/UdpRelay.ts"
import * as MediaDetour from "../MediaDetour.ts"
import { type Bench, inTurn, leaveBoth } from "../Run.ts"
import type { Target } from "../Target.ts"

/** From nothing to the first reliable message at the other participant, who is there already. */
export const connect = (
  bench: Bench,
  target: Target,
  { name, per, unit } = { name: "connect to first message", unit: "ms", per: 1 }
) =>
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
      round.record({ name, unit, better: "lower" }, (lastAt - startedAt) / per)
      yield* leaveBoth(round)
    })
  ).pipe(Effect.scoped)

/** The same where everything takes so many milliseconds each way, on signal and media, for both: in round trips. */
export const connectDelayed = (bench: Bench, target: Target, delay = 25) =>
  Effect.gen(function* () {
    const detour = yield* MediaDetour.make(target.url, yield* UdpRelay.make({ delay }))
    const { url } = yield* TcpProxy.make(detour, { delay })
    const name = `connect to first message, ${delay} ms each way`
    yield* connect(bench, { ...target, url }, { name, unit: "round trips", per: 2 * delay })
  }).pipe(Effect.scoped)
