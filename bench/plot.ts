/**
 * Medians as bars, each figure on its own scale, as SVG.
 */
import { type Figure, median } from "./Figures.ts"
import { format } from "./report.ts"
import type { Contestant } from "./Task.ts"

const colours = ["#3b6fb6", "#9dbbe0", "#d1495b", "#edae49", "#2a7f62", "#a3d9b1"]
const [labelWidth, barWidth, barHeight, gap] = [250, 420, 14, 30]

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

export const plot = (figures: ReadonlyArray<Figure>, contestants: ReadonlyArray<Contestant>, title: string): string => {
  const lines: Array<string> = []
  let y = 30
  for (const { better, name, samples, unit } of figures) {
    const present = contestants.filter((contestant) => samples.has(contestant))
    const values = present.map((contestant) => median(samples.get(contestant) ?? []))
    const most = Math.max(...values.filter(Number.isFinite), Number.MIN_VALUE)
    const direction = better === "higher" ? "more is better" : "less is better"
    y += gap
    lines.push(
      `<text x="0" y="${y}" font-weight="bold">${escape(name)} (${unit === "" ? "" : `${unit}, `}${direction})</text>`
    )
    for (const [index, contestant] of present.entries()) {
      const value = values[index] ?? Number.NaN
      y += barHeight + 3
      const width = Number.isFinite(value) ? Math.max(1, (value / most) * barWidth) : 0
      lines.push(
        `<text x="10" y="${y}">${escape(contestant)}</text>`,
        `<rect x="${labelWidth}" y="${y - 11}" width="${width.toFixed(1)}" height="${barHeight}" fill="${colours[contestants.indexOf(contestant) % colours.length]}"/>`,
        `<text x="${labelWidth + width + 6}" y="${y}">${Number.isFinite(value) ? format(value) : "none"}</text>`
      )
    }
  }
  const [width, height] = [labelWidth + barWidth + 110, y + 20]
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="-10 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect x="-10" width="${width}" height="${height}" fill="white"/>
<text x="0" y="20" font-size="15">${escape(title)}</text>
${lines.join("\n")}
</svg>
`
}
