/**
 * What was measured, as it is kept in `bench/results`: figures that are measured again take the place of those before, so that
 * several runs make one file.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import type { Figure } from "./Figures.ts"
import { plot } from "./plot.ts"
import { type Contestant, contestants } from "./Task.ts"

export interface Results {
  readonly machine: string
  readonly figures: ReadonlyArray<DatedFigure>
}

export interface DatedFigure extends Figure {
  /** Of the run, as `YYYY-MM-DD`. */
  readonly date: string
}

/** As it is written. */
interface Stored {
  readonly machine: string
  readonly figures: ReadonlyArray<
    Omit<DatedFigure, "samples"> & { readonly samples: Readonly<Partial<Record<Contestant, Array<number>>>> }
  >
}

const path = (name: string, extension: "json" | "svg") => `bench/results/${name}.${extension}`

const read = (name: string): Stored | undefined =>
  // It is what `update` wrote.
  existsSync(path(name, "json")) ? (JSON.parse(readFileSync(path(name, "json"), "utf8")) as Stored) : undefined

/** Puts figures into a file, and returns all that is in it then. */
export const update = (name: string, machine: string, measured: ReadonlyArray<Figure>): Results => {
  const date = new Date().toISOString().slice(0, 10)
  const before = read(name)
  const dated = new Map(measured.map((figure) => [figure.name, { ...figure, date }]))
  const kept = (before?.machine === machine ? before.figures : []).map((figure): DatedFigure => {
    const again = dated.get(figure.name)
    dated.delete(figure.name)
    return again ?? { ...figure, samples: samplesOf(figure.samples) }
  })
  const figures = [...kept, ...dated.values()]
  const stored: Stored = {
    machine,
    figures: figures.map((figure) => ({ ...figure, samples: Object.fromEntries(figure.samples) }))
  }
  writeFileSync(path(name, "json"), `${JSON.stringify(stored, undefined, 2)}\n`)
  const title = `${figures[0]?.server ?? ""}, ${date}, ${machine}`
  writeFileSync(path(name, "svg"), plot(figures, contestants, title))
  return { machine, figures }
}

const samplesOf = (samples: Stored["figures"][number]["samples"]) =>
  new Map(
    contestants.flatMap((contestant) => (samples[contestant] === undefined ? [] : [[contestant, samples[contestant]]]))
  )
