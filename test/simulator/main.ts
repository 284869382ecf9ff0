/**
 * `npm run simulate`: random outages in virtual time, over many seeds.
 *
 * `--seeds N` runs N seeds (default 1,000) from `--from` (default 1) on `--jobs` threads (default: as many as there are cores);
 * `--seed N` runs one and prints its history; `--replay FILE` replays a flight recording and says whether the engine decides the
 * same (`--policy reference`: by the policy of the reference engine); `--planted` shows how many seeds it takes to find the bugs that are planted.
 */
import { readFile } from "node:fs/promises"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { Schema } from "effect"
import { ReconnectPolicy } from "effect-livekit"
import * as FlightRecording from "effect-livekit/FlightRecording"
import { bugs } from "./bugs.ts"
import * as failure from "./failure.ts"
import { describe, replay } from "./replay.ts"
import type { Batched } from "./tasks.ts"
import * as Workers from "./Workers.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: `${availableParallelism()}` },
    seed: { type: "string" },
    replay: { type: "string" },
    policy: { type: "string", default: "byEvidence" },
    bug: { type: "string" },
    planted: { type: "boolean", default: false }
  }
})

const whole = (name: "seeds" | "from" | "jobs" | "seed", text: string): number => {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 1)
    throw new Error(`--${name} has to be a whole number above 0, not ${text}`)
  return number
}
const seeds = whole("seeds", values.seeds)
const jobs = whole("jobs", values.jobs)
const thousands = (number: number) => Math.round(number).toLocaleString("en")
const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(0)

/** Bytes by which the memory of one thread may grow from its first batches to its last. */
const flat = 24 * 1024 * 1024

const explore = async () => {
  const size = 50
  const from = whole("from", values.from)
  const started = performance.now()
  const failures: Array<Batched["failures"][number]> = []
  const heaps = Array.from({ length: jobs }, () => [] as Array<number>)
  const total = { done: 0, virtual: 0 }
  const batches = Array.from({ length: Math.ceil(seeds / size) }, (_, index) => ({
    _tag: "Batch" as const,
    from: from + index * size,
    count: Math.min(size, seeds - index * size),
    stopAtFirst: false
  }))
  const summary = () => {
    const seconds = (performance.now() - started) / 1000
    const { system, user } = process.cpuUsage()
    return [
      `${thousands(total.done)} of ${thousands(seeds)} seeds`,
      `${thousands(total.virtual / 1000)} virtual seconds in ${seconds.toFixed(0)} s`,
      `${thousands((total.virtual * 1_000) / (user + system))} a second of one core`,
      `heap ${heaps.map((heap) => megabytes(heap.at(-1) ?? 0)).join(" + ")} MB`,
      `${failures.length} failed`
    ].join(", ")
  }
  let lastSaid = started
  await Workers.batches(batches.values(), {
    jobs,
    bug: values.bug,
    onBatch: (batched, worker) => {
      total.done += batched.done
      total.virtual += batched.virtualMillis
      failures.push(...batched.failures)
      heaps[worker]?.push(batched.heapUsed)
      for (const { seed, violation } of batched.failures) console.log(`seed ${seed}: ${failure.line(violation)}`)
      if (performance.now() - lastSaid < 5_000) return
      lastSaid = performance.now()
      console.log(summary())
    }
  })
  console.log(summary())
  const first = failures.toSorted((a, b) => a.seed - b.seed)[0]
  if (first !== undefined) {
    console.log(`\n${(await Workers.ask({ _tag: "Describe", ...first }, values.bug)).text}`)
    process.exitCode = 1
  }
  const grown = heaps.filter(hasGrown)
  if (grown.length > 0) {
    console.log(`memory grew: ${grown.map((heap) => heap.map(megabytes).join(" ")).join("; ")} MB`)
    process.exitCode = 1
  }
}

/** The first batches still fill caches. */
const hasGrown = (heap: ReadonlyArray<number>) =>
  heap.length > 6 && Math.min(...heap.slice(-3)) - Math.max(...heap.slice(2, 5)) > flat

/** Seeds within which each planted bug has to be found. */
const enough = 500

const findPlanted = async () => {
  const started = performance.now()
  const queue = bugs.values()
  const found = new Map<string, Batched["failures"][number]>()
  const search = async () => {
    for (const { name } of queue) {
      const all = [{ _tag: "Batch" as const, from: 1, count: enough, stopAtFirst: true }]
      await Workers.batches(all.values(), {
        jobs: 1,
        bug: name,
        onBatch: ({ failures: [first] }) => {
          if (first !== undefined) found.set(name, first)
          console.log(
            first === undefined ? `not found: ${name}` : `seed ${first.seed}: ${name}: ${failure.line(first.violation)}`
          )
        }
      })
    }
  }
  await Promise.all(Array.from({ length: jobs }, search))
  console.table(
    bugs.map(({ name, source }) => ({
      "planted bug": name,
      source,
      "seeds needed": found.get(name)?.seed ?? `more than ${enough}`,
      "what it breaks": found.get(name)?.violation.invariant ?? ""
    }))
  )
  console.log(`${found.size} of ${bugs.length} found in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  process.exitCode = found.size === bugs.length ? 0 : 1
}

const tell = async (seed: number) => {
  const { holds, text } = await Workers.ask({ _tag: "Replay", seed }, values.bug)
  console.log(text)
  process.exitCode = holds ? 0 : 1
}

const replayRecording = async (file: string) => {
  const recording = Schema.decodeSync(FlightRecording.FromJson)(await readFile(file, "utf8"))
  const policy = values.policy === "reference" ? ReconnectPolicy.reference() : ReconnectPolicy.byEvidence
  const replayed = replay(recording, { policy })
  console.log(describe(replayed))
  process.exitCode = replayed.differences.length === 0 ? 0 : 1
}

if (values.replay !== undefined) await replayRecording(values.replay)
else if (values.seed !== undefined) await tell(whole("seed", values.seed))
else if (values.planted) await findPlanted()
else await explore()
