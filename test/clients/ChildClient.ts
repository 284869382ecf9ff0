/**
 * A LiveKit client of another make, in a process of its own.
 */
import { Effect, Queue } from "effect"
import * as Child from "./Child.ts"
import type { Change, Data } from "./Client.ts"
import type { Command, Library, Report } from "./protocol.ts"

export const make = Effect.fnUntraced(function* (library: Library) {
  const data = yield* Queue.unbounded<Data>()
  const changes = yield* Queue.unbounded<Change>()
  const child = yield* Child.make<Command, Child.Answer, Report>("test/programs/otherClient.ts", [library], {
    onEvent: (report) =>
      report._tag === "Data"
        ? void Queue.offerUnsafe(data, report.data)
        : void Queue.offerUnsafe(changes, report.change)
  })
  const run = (command: Command) => Effect.asVoid(child.ask(command))
  const orEnded = <A>(effect: Effect.Effect<A>) => Effect.raceFirst(effect, child.ended)

  return {
    connect: (url: string, token: string) => run({ _tag: "Connect", url, token }),
    sendNumbers: (from: number, to: number, spacing = 0) => run({ _tag: "SendNumbers", from, to, spacing }),
    disconnect: run({ _tag: "Disconnect" }),
    /** The next number that it hears, and from whom. */
    hears: orEnded(Queue.take(data)).pipe(
      Effect.map(({ bytes, identity, topic }) => ({ number: Number(new TextDecoder().decode(bytes)), identity, topic }))
    ),
    /** Waits for the client to say so. */
    changed: (change: Change) =>
      Effect.repeat(orEnded(Queue.take(changes)), { until: (next) => next === change }).pipe(Effect.asVoid)
  }
})
