/**
 * Measures this engine beside other LiveKit clients, in processes and browsers of their own, in turn, on the same server: a
 * development server, or the one that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name.
 *
 * `npm run bench -- [work ...] [--rounds N] [--only CONTESTANT]... [--write NAME] [--readme] [--cpu-prof FOLDER]`,
 * `npm run bench -- growth growthInMemory [--packets N]`, or `npm run bench -- micro [--write micro]`
 */
import { Effect } from "effect"
import { mkdirSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { parseArgs } from "node:util"
import * as chromium from "../test/browser/chromiumCommand.ts"
import { Figures } from "./Figures.ts"
import { micro } from "./micro.ts"
import { outages } from "./outages.ts"
import * as readme from "./readme.ts"
import * as report from "./report.ts"
import * as results from "./results.ts"
import type { Bench } from "./Run.ts"
import * as Target from "./Target.ts"
import { contestants as everybody } from "./Task.ts"
import { isInBrowser } from "./Worker.ts"
import { connect, connectDelayed, trace } from "./works/connect.ts"
import { refused, resume } from "./works/cuts.ts"
import { growth } from "./works/growth.ts"
import { growthInMemory } from "./works/growthInMemory.ts"
import { lossy, roundTrip, throughput } from "./works/data.ts"
import { memory } from "./works/memory.ts"

/** What can be measured, and how many rounds are enough. */
const works = {
  connect: [9, (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => connect(bench, target))],
  connectDelayed: [5, (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => connectDelayed(bench, target))],
  roundTrip: [3, (bench: Bench) => Effect.flatMap(Target.make(), (target) => roundTrip(bench, target))],
  throughput: [2, (bench: Bench) => Effect.flatMap(Target.make(), (target) => throughput(bench, target))],
  lossy4k: [3, (bench: Bench) => Effect.flatMap(Target.make(), (target) => lossy(bench, target, 4_000))],
  lossy16k: [3, (bench: Bench) => Effect.flatMap(Target.make(), (target) => lossy(bench, target, 16_000))],
  resume: [3, (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => resume(bench, target))],
  refused: [2, (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => refused(bench, target))],
  memory: [1, (bench: Bench) => Effect.flatMap(Target.make(), (target) => memory(inNode(bench), target, 50))],
  memory500: [1, (bench: Bench) => Effect.flatMap(Target.make(), (target) => memory(inNode(bench), target, 500))],
  hold1000: [1, (bench: Bench) => Effect.flatMap(Target.make(), (target) => memory(inNode(bench), target, 1_000, 300))],
  growth: [
    1,
    (bench: Bench) =>
      Effect.flatMap(Target.make(), (target) => growth(bench, target, Number(values.packets ?? 1_000_000)))
  ],
  growthInMemory: [1, (bench: Bench) => growthInMemory(bench, Number(values.packets ?? 10_000_000))],
  // These two print what they find.
  trace: [1, (bench: Bench) => Effect.flatMap(Target.make("wrtc"), (target) => trace(bench, target))],
  outages: [1, () => outages]
} as const
const isWork = (name: string): name is keyof typeof works => name in works
/** These take long, or are about something else. */
const unusual = ["memory500", "hold1000", "growth", "growthInMemory", "trace", "outages"]
const usual = Object.keys(works).filter((name) => !unusual.includes(name))

/** A page has but one session in these works. */
const inNode = (bench: Bench): Bench => ({
  ...bench,
  contestants: bench.contestants.filter((contestant) => !isInBrowser(contestant))
})

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string" },
    only: { type: "string", multiple: true },
    packets: { type: "string" },
    write: { type: "string" },
    readme: { type: "boolean", default: false },
    "cpu-prof": { type: "string" }
  }
})

const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${platform()} ${arch()}, Node ${process.version}`
const name =
  values.write ?? (values.readme ? (process.env["LIVEKIT_URL"] ? "livekit-server" : "dev-server") : undefined)

if (values["cpu-prof"] !== undefined) {
  mkdirSync(values["cpu-prof"], { recursive: true })
  process.env["BENCH_CPU_PROF"] = values["cpu-prof"]
}

const contestants = everybody
  .filter((name) => values.only === undefined || values.only.some((part) => name.includes(part)))
  .filter((name) => !isInBrowser(name) || chromium.find() !== undefined)

const program = Effect.gen(function* () {
  const figures = new Figures()
  for (const work of positionals.length === 0 ? usual : positionals) {
    if (!isWork(work)) return yield* Effect.die(`there is no work "${work}"; there is ${Object.keys(works).join(", ")}`)
    const [rounds, run] = works[work]
    yield* run({ contestants, rounds: Number(values.rounds ?? rounds), figures }).pipe(
      Effect.scoped,
      Effect.catch((error) => Effect.sync(() => console.error(`${work} was not finished: ${error.message}`)))
    )
    // After each, so that one that does not end takes nothing with it.
    if (name === undefined) continue
    const all = results.update(name, machine, figures.all)
    if (values.readme) readme.update(all)
  }
  if (figures.all.length > 0) console.log(report.table(figures.all, contestants))
})

await (positionals[0] === "micro" ? micro(values.write !== undefined) : Effect.runPromise(program))
