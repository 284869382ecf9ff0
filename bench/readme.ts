/**
 * The tables of the README, between its two marks.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { median } from "./Figures.ts"
import * as report from "./report.ts"
import type { DatedFigure, Results } from "./results.ts"
import type { Contestant } from "./Task.ts"

const marks = /(<!-- bench -->\n)[^]*(<!-- \/bench -->)/

/** Column heads; a ratio is of the first to the second. */
const tables: ReadonlyArray<{
  readonly columns: Readonly<Record<string, Contestant>>
  readonly ratios: Readonly<Record<string, readonly [Contestant, Contestant]>>
}> = [
  {
    columns: {
      "this, node-datachannel": "effect-livekit (node-datachannel)",
      "this, wrtc": "effect-livekit (wrtc)",
      "rtc-node": "rtc-node",
      "livekit-client, wrtc": "livekit-client (wrtc)"
    },
    ratios: {
      "to rtc-node": ["effect-livekit (node-datachannel)", "rtc-node"],
      "to livekit-client": ["effect-livekit (node-datachannel)", "livekit-client (wrtc)"]
    }
  },
  {
    columns: { "this, Chromium": "effect-livekit (Chromium)", "livekit-client, Chromium": "livekit-client (Chromium)" },
    ratios: { "to livekit-client": ["effect-livekit (Chromium)", "livekit-client (Chromium)"] }
  }
]

/** What is the same for everybody says nothing in a table. */
const isTold = ({ name, samples }: DatedFigure) =>
  !name.startsWith("idle CPU") &&
  !(name.endsWith("delivered") && [...samples.values()].flat().every((value) => value === 100))

const number = (value: number) =>
  Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString("en") : report.format(value)

const cell = ({ samples, unit }: DatedFigure, contestant: Contestant) => {
  const values = samples.get(contestant)
  return values === undefined ? "" : `${number(median(values))}${unit === "" ? "" : ` ${unit}`}`
}

const share = (figure: DatedFigure, [mine, other]: readonly [Contestant, Contestant]) => {
  const value = report.ratio(figure, mine, other)
  return value === undefined || !Number.isFinite(value) ? "" : `${value.toFixed(2)} x`
}

export const text = ({ figures, machine }: Results): string => {
  const servers = [...new Set(figures.map(({ server }) => server))].join(", ")
  const dates = [...new Set(figures.map(({ date }) => date))].toSorted().join(", ")
  const about = `Medians, on a ${servers} on the same machine (${machine}), ${dates}. A cell is empty where a round took more than a minute.`
  const shown = tables.map(({ columns, ratios }) => {
    const rows = figures
      .filter((figure) => isTold(figure) && Object.values(columns).some((contestant) => figure.samples.has(contestant)))
      .map((figure) => [
        figure.name,
        ...Object.values(columns).map((contestant) => cell(figure, contestant)),
        ...Object.values(ratios).map((pair) => share(figure, pair))
      ])
    return report.markdownOf(["", ...Object.keys(columns), ...Object.keys(ratios)], rows)
  })
  return [about, ...shown].join("\n\n")
}

export const update = (results: Results): void => {
  const before = readFileSync("README.md", "utf8")
  if (!marks.test(before)) throw new Error("README.md has no marks for the tables of the benchmark")
  writeFileSync(
    "README.md",
    before.replace(marks, (_, begin: string, end: string) => `${begin}${text(results)}\n${end}`)
  )
}
