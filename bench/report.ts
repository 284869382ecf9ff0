/**
 * Medians and ratios, as a table and as Markdown.
 */
import { type Figure, median } from "./Figures.ts"
import type { Contestant } from "./Task.ts"

const digits = (value: number) =>
  Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
export const format = (value: number) => value.toFixed(digits(value))

/** Both medians, the first as a share of the second. */
export const ratio = (figure: Figure, contestant: Contestant, to: Contestant): number | undefined => {
  const [mine, other] = [figure.samples.get(contestant), figure.samples.get(to)]
  return mine === undefined || other === undefined ? undefined : median(mine) / median(other)
}

const ratios: ReadonlyArray<readonly [name: string, mine: Contestant, other: Contestant]> = [
  ["to rtc-node", "effect-livekit (node-datachannel)", "rtc-node"],
  ["to livekit-client", "effect-livekit (node-datachannel)", "livekit-client (wrtc)"],
  ["in Chromium", "effect-livekit (Chromium)", "livekit-client (Chromium)"]
]

export const table = (figures: ReadonlyArray<Figure>, contestants: ReadonlyArray<Contestant>): string => {
  const told = ratios.filter(([, mine, other]) => contestants.includes(mine) && contestants.includes(other))
  return markdownOf(
    ["what", ...contestants, ...told.map(([name]) => name)],
    figures.map((figure) => [
      `${figure.name}${figure.unit === "" ? "" : `, ${figure.unit}`}${figure.better === "higher" ? " (more is better)" : ""}`,
      ...contestants.map((contestant) => {
        const samples = figure.samples.get(contestant)
        return samples === undefined ? "" : format(median(samples))
      }),
      ...told.map(([, mine, other]) => {
        const share = ratio(figure, mine, other)
        return share === undefined || !Number.isFinite(share) ? "" : `${share.toFixed(2)} x`
      })
    ])
  )
}

export const markdownOf = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const line = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n")
}
