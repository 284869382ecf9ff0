/**
 * A stretch of time between two ends: what goes in comes out in order, so many milliseconds later.
 */
import { performance } from "node:perf_hooks"

/** Runs a function later; `from` is when it sets out, if that is not now, in milliseconds of `performance.now()`. */
export type Delay = (run: () => void, from?: number) => void

/** Timers come up to a millisecond or two late, which adds up over a handshake: the rest is waited for turn by turn. */
const slack = 2

export const make = (millis: number): Delay => {
  if (millis === 0) return (run) => run()
  const waiting: Array<{ readonly due: number; readonly run: () => void }> = []
  const next = () => {
    for (let first = waiting[0]; first !== undefined && first.due <= performance.now(); first = waiting[0]) {
      waiting.shift()
      first.run()
    }
    wait()
  }
  const wait = () => {
    const first = waiting[0]
    if (first === undefined) return
    const left = first.due - performance.now() - slack
    if (left > 0) setTimeout(next, left)
    else setImmediate(next)
  }
  return (run, from = performance.now()) => {
    const due = Math.max(from, performance.now()) + millis
    if (waiting.push({ due, run }) === 1) wait()
  }
}
