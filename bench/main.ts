/**
 * Measures this engine beside other LiveKit clients, in processes of their own, in turn, on the same server: a development server,
 * or the one that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name.
 *
 * `npm run bench -- [work ...] [--rounds N] [--only CONTESTANT]... [--write NAME]`, or `npm run bench -- micro [--write micro]`
 */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { parseArgs } from "node:util"
import { Figures } from "./Figures.ts"
import { micro } from "./micro.ts"
import { outages } from "./outages.ts"
import { plot } from "./plot.ts"
import * as report from "./report.ts"
import type { Bench } from "./Run.ts"
import * as Target from "./Target.ts"
import type { Contestant } from "./Task.ts"
import { connect, connectDelayed } from "./works/connect.ts"
import { refused, resume } from "./works/cuts.ts"
import { lossy, roundTrip, throughput } from "./works/data.ts"
import { memory } from "./works/memory.ts"

const everybody: ReadonlyArray<Contestant> = [
  "effect-livekit (node-datachannel)",
  "effect-livekit (wrtc)",
  "rtc-node",
  "livekit-client (wrtc)"
]

const works = {
  connect: (bench: Bench) => Effect.flatMap(Target.make(), (target) => connect(bench, target)),
  connectDelayed: (bench: Bench) => Effect.flatMap(Target.make(), (target) => connectDelayed(bench, target)),
  roundTrip: (bench: Bench) => Effect.flatMap(Target.make(), (target) => roundTrip(bench, target)),
  throughput: (bench: Bench) => Effect.flatMap(Target.make(), (target) => throughput(bench, target)),
  lossy4k: (bench: Bench) => Effect.flatMap(Target.make(), (target) => lossy(bench, target, 4_000)),
  lossy16k: (bench: Bench) => Effect.flatMap(Target.make(), (target) => lossy(bench, target, 16_000)),
  cut: (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => resume(bench, target)),
  resume: (bench: Bench) => Effect.andThen(works.cut(bench), outages),
  refused: (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => refused(bench, target)),
  memory: (bench: Bench) => Effect.flatMap(Target.make(), (target) => memory(bench, target, 50)),
  memory500: (bench: Bench) => Effect.flatMap(Target.make(), (target) => memory(bench, target, 500)),
  hold1000: (bench: Bench) =>
    Effect.flatMap(Target.make(), (target) => memory({ ...bench, rounds: 1 }, target, 1_000, 300))
}
const isWork = (name: string): name is keyof typeof works => name in works
const usual = Object.keys(works).filter((name) => !["cut", "memory500", "hold1000"].includes(name))

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", multiple: true },
    write: { type: "string" }
  }
})

const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${platform()} ${arch()}, Node ${process.version}`
const date = new Date().toISOString()

const write = (name: string, { all }: Figures, contestants: ReadonlyArray<Contestant>) =>
  Effect.sync(() => {
    const figures = all.map((figure) => ({ ...figure, samples: Object.fromEntries(figure.samples) }))
    const title = `${all[0]?.server ?? ""}, ${date.slice(0, 10)}, ${machine}`
    writeFileSync(`bench/results/${name}.json`, `${JSON.stringify({ date, machine, figures }, undefined, 2)}\n`)
    writeFileSync(`bench/results/${name}.svg`, plot(all, contestants, title))
  })

const program = Effect.gen(function* () {
  const figures = new Figures()
  const contestants = everybody.filter(
    (name) => values.only === undefined || values.only.some((part) => name.includes(part))
  )
  const bench: Bench = { contestants, rounds: Number(values.rounds), figures }
  for (const name of positionals.length === 0 ? usual : positionals) {
    if (!isWork(name)) return yield* Effect.die(`there is no work "${name}"; there is ${Object.keys(works).join(", ")}`)
    yield* works[name](bench).pipe(
      Effect.scoped,
      Effect.catch((error) => Effect.sync(() => console.error(`${name} was not finished: ${error.message}`)))
    )
    // After each, so that one that does not end takes nothing with it.
    if (values.write !== undefined) yield* write(values.write, figures, contestants)
  }
  console.log(report.markdown(report.rows(figures.all, contestants)))
})

await (positionals[0] === "micro" ? micro(values.write !== undefined) : Effect.runPromise(program))
