/**
 * `npm run fuzz`: random and mutated frames, packets, descriptions and region answers; `--count` of them (default 100,000),
 * from `--seed` (default `fuzz`).
 */
import { parseArgs } from "node:util"
import * as fuzz from "./fuzz.ts"

const { values } = parseArgs({
  options: { count: { type: "string", default: "100000" }, seed: { type: "string", default: "fuzz" } }
})
const count = Number(values.count)
const megabytes = () => {
  globalThis.gc?.()
  return (process.memoryUsage().heapUsed / 1024 / 1024).toFixed(0)
}

const parts = [
  ["frames and packets at an engine", fuzz.engine, 0.5],
  ["frames", fuzz.rawFrames, 0.2],
  ["session descriptions", fuzz.descriptions, 0.15],
  ["region answers", fuzz.regions, 0.15]
] as const

for (const [what, run, share] of parts) {
  const before = megabytes()
  const inputs = Math.ceil(count * share)
  const outcomes = run(inputs, values.seed)
  console.log(`${inputs.toLocaleString("en")} ${what}; heap ${before} MB before, ${megabytes()} MB after`)
  console.table(
    Object.entries(outcomes)
      .toSorted(([, a], [, b]) => b - a)
      .map(([outcome, times]) => ({ outcome, times }))
  )
}
