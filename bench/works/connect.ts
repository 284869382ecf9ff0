import { Effect } from "effect"
import * as TcpProxy from "../../test/fakes/TcpProxy.ts"
import * as UdpRelay from "../../test/fakes/UdpRelay.ts"
import * as Datagram from "../Datagram.ts"
import * as MediaDetour from "../MediaDetour.ts"
import { now } from "../perform.ts"
import { type Bench, inTurn, leaveBoth } from "../Run.ts"
import type { Target } from "../Target.ts"
import * as Worker from "../Worker.ts"

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

/** What passes at the proxy during the third connect of each contestant, in milliseconds since it began. */
export const trace = (bench: Bench, target: Target, delay = 25) =>
  Effect.gen(function* () {
    const self = { from: 0, lines: [] as Array<string> }
    const see = (what: string) => self.lines.push(`${(now() - self.from).toFixed(1).padStart(8)}  ${what}`)
    const relay = yield* UdpRelay.make({
      delay,
      onDatagram: (from, bytes, port) =>
        see(`${from === "near" ? "->" : "<-"} udp ${port}: ${Datagram.describe(bytes)}`)
    })
    const detour = yield* MediaDetour.make(target.url, relay, {
      onMessage: (from, what) => see(`${from === "client" ? "->" : "<-"} signal: ${what}`)
    })
    const { url } = yield* TcpProxy.make(detour, { delay })
    for (const contestant of bench.contestants) {
      const [receiver, sender] = [yield* Worker.make(contestant), yield* Worker.make(contestant)]
      for (const room of ["first", "second", "third"]) {
        yield* receiver.run({ _tag: "Join", url, token: yield* target.token("receiver", room) })
        yield* receiver.run({ _tag: "Forget" })
        const token = yield* target.token("sender", room)
        Object.assign(self, { from: now(), lines: [] })
        const { joinedAt } = yield* sender.run({ _tag: "JoinAndSend", url, token })
        const { lastAt } = yield* receiver.run({ _tag: "Received", count: 1 })
        if (room === "third") {
          const lines = [...self.lines, `joined after ${(joinedAt - self.from).toFixed(1)} ms`]
          console.log([contestant, ...lines, `heard after ${(lastAt - self.from).toFixed(1)} ms`, ""].join("\n"))
        }
        yield* leaveBoth({ contestant, sender, receiver })
      }
    }
  }).pipe(Effect.scoped)
