/**
 * Medians and ratios, as a table and as Markdown.
 */
import { type Figure, median } from "./Figures.ts"
import type { Contestant } from "./Task.ts"

const digits = (value: number) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2)
export const format = (value: number) => value.toFixed(digits(value))

/** Both medians, the first as a share of the second. */
export const ratio = (figure: Figure, contestant: Contestant, to: Contestant): number | undefined => {
  const [mine, other] = [figure.samples.get(contestant), figure.samples.get(to)]
  return mine === undefined || other === undefined ? undefined : median(mine) / median(other)
}

export const rows = (figures: ReadonlyArray<Figure>, contestants: ReadonlyArray<Contestant>) =>
  figures.map((figure) => {
    const cell = (contestant: Contestant) => {
      const samples = figure.samples.get(contestant)
      return samples === undefined ? "" : format(median(samples))
    }
    const to = (contestant: Contestant) => {
      const share = ratio(figure, "effect-livekit (node-datachannel)", contestant)
      return share === undefined || !Number.isFinite(share) ? "" : `${share.toFixed(2)} x`
    }
    return {
      what: `${figure.name}${figure.unit === "" ? "" : `, ${figure.unit}`}${figure.better === "higher" ? " (more is better)" : ""}`,
      ...Object.fromEntries(contestants.map((contestant) => [contestant, cell(contestant)])),
      "to rtc-node": to("rtc-node"),
      "to livekit-client": to("livekit-client (wrtc)")
    }
  })

export const markdown = (table: ReadonlyArray<Readonly<Record<string, string>>>): string => {
  const columns = Object.keys(table[0] ?? {})
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [
    line(columns),
    line(columns.map((_, index) => (index === 0 ? "---" : "---:"))),
    ...table.map((row) => line(columns.map((column) => row[column] ?? "")))
  ].join("\n")
}
