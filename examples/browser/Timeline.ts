/**
 * What is remembered of one participant, to be drawn: spans of state, marks, and samples.
 */
import type { ConnectionState } from "effect-livekit"

export type State = ConnectionState.ConnectionState

export interface Span {
  readonly state: State
  readonly from: number
  readonly to: number
}

export interface Mark {
  readonly at: number
  readonly text: string
  /** What somebody did to the connection, or what the engine made of it. */
  readonly kind: "trouble" | "recovery"
}

export interface Sample {
  readonly at: number
  /** Milliseconds. */
  readonly rtt: number | undefined
  readonly bytesInFlight: number
}

export interface Timeline {
  readonly identity: string
  readonly spans: ReadonlyArray<Span>
  readonly marks: ReadonlyArray<Mark>
  readonly samples: ReadonlyArray<Sample>
}

/** Milliseconds that are remembered. */
const memory = 90_000

export const empty = (identity: string): Timeline => ({ identity, spans: [], marks: [], samples: [] })

/** A state begins, and lasts until the next one. */
export const enter = (self: Timeline, state: State, at: number): Timeline => {
  const before = self.spans.slice(0, -1)
  const last = self.spans.at(-1)
  const ended = last === undefined ? [] : [{ ...last, to: at }]
  return {
    ...self,
    spans: [...before, ...ended, { state, from: at, to: Infinity }].filter(({ to }) => to > at - memory)
  }
}

export const mark = (self: Timeline, mark: Mark): Timeline => ({
  ...self,
  marks: [...self.marks, mark].filter(({ at }) => at > mark.at - memory)
})

export const sample = (self: Timeline, sample: Sample): Timeline => ({
  ...self,
  samples: [...self.samples, sample].filter(({ at }) => at > sample.at - memory)
})
