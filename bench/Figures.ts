/**
 * What was measured: samples by contestant, for each thing that was measured.
 */
import type { Contestant } from "./Task.ts"

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly better: "lower" | "higher"
  readonly server: string
  readonly samples: Map<Contestant, Array<number>>
}

export class Figures {
  readonly all: Array<Figure> = []

  add(what: Omit<Figure, "samples">, contestant: Contestant, value: number): void {
    let figure = this.all.find(({ name, server }) => name === what.name && server === what.server)
    if (figure === undefined) this.all.push((figure = { ...what, samples: new Map() }))
    const samples = figure.samples.get(contestant)
    if (samples === undefined) figure.samples.set(contestant, [value])
    else samples.push(value)
  }
}

export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}
