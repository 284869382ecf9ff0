/**
 * What sessions cost in memory and, idle, in CPU. The server is in another process.
 */
import { Effect } from "effect"
import type { Bench } from "../Run.ts"
import type { Target } from "../Target.ts"
import * as Worker from "../Worker.ts"
import type { Contestant } from "../Task.ts"

const hold = Effect.fnUntraced(function* (target: Target, contestant: Contestant, sessions: number, seconds: number) {
  const worker = yield* Worker.make(contestant)
  const join = (from: number, count: number) =>
    Effect.flatMap(
      Effect.forEach(Array.from({ length: count }), (_, index) =>
        target.token(`user-${from + index}`, `memory-${process.hrtime.bigint()}`)
      ),
      (tokens) => worker.run({ _tag: "JoinMany", url: target.url, tokens })
    )
  // The first one loads what all share.
  yield* join(0, 1)
  const before = yield* worker.run({ _tag: "Usage" })
  const { millis } = yield* join(1, sessions)
  const after = yield* worker.run({ _tag: "Usage" })
  yield* Effect.sleep(seconds * 1000)
  const later = yield* worker.run({ _tag: "Usage" })
  const perSession = (bytes: number) => bytes / sessions / 1024 / 1024
  return {
    megabytes: perSession(after.rss - before.rss),
    ofHeap: perSession(after.heap - before.heap),
    grownBy: perSession(later.rss - after.rss),
    cores: (later.cpu - after.cpu) / (later.at - after.at),
    files: (later.files - before.files) / sessions,
    threads: later.threads,
    losses: later.losses,
    millis
  }
}, Effect.scoped)

export const memory = (bench: Bench, target: Target, sessions: number, seconds = 10) =>
  Effect.gen(function* () {
    for (let round = 0; round < Math.min(bench.rounds, 3); round++) {
      for (const contestant of bench.contestants) {
        const held = yield* hold(target, contestant, sessions, seconds)
        const add = (name: string, unit: string, value: number) =>
          bench.figures.add({ name, unit, better: "lower", server: target.name }, contestant, value)
        add(`memory per session at ${sessions}`, "MB", held.megabytes)
        add(`idle CPU at ${sessions} sessions`, "cores", held.cores)
        add(`joining ${sessions} sessions, 8 at once`, "ms", held.millis)
        const [all, script, grown] = [held.megabytes, held.ofHeap, held.grownBy].map((value) => value.toFixed(2))
        process.stderr.write(
          `  ${sessions} sessions of ${contestant}: ${all} MB each, ${script} of it JavaScript, ${grown} more after ${seconds} s; ` +
            `${held.cores.toFixed(2)} cores, ${held.files.toFixed(1)} files each, ${held.threads} threads, ` +
            `${held.losses} connections lost\n`
        )
      }
    }
  })
