/**
 * The bounded log below a flight recorder.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Conditions, Entry, FlightRecording } from "../FlightRecording.ts"

/** An entry before it is known when it was made. */
type Note = Entry extends infer Each ? (Each extends Entry ? Omit<Each, "at"> : never) : never
export type Notes = (note: Note) => void

export const make = Effect.fnUntraced(function* (capacity: number, conditions: typeof Conditions.Type) {
  const clock = yield* Clock.Clock
  const startedAt = clock.currentTimeMillisUnsafe()
  const entries: Array<Entry> = []
  const lost = { count: 0 }
  const note: Notes = (each) => {
    const entry: Entry = { ...each, at: clock.currentTimeMillisUnsafe() - startedAt }
    entries.push(entry)
    // In steps, so that a full recording does not move all of itself with every entry.
    if (entries.length >= capacity + 256) lost.count += entries.splice(0, entries.length - capacity).length
  }
  const recording = Effect.sync((): FlightRecording => {
    const kept = entries.slice(-capacity)
    return { version: 2, conditions, startedAt, dropped: lost.count + entries.length - kept.length, entries: kept }
  })
  return { note, recording }
})
