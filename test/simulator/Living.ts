/**
 * A participant of a run: its engine, and what it runs on.
 */
import type { Queue } from "effect"
import type { RTCEngine } from "effect-livekit"
import type { What } from "./History.ts"
import type * as Scenario from "./Scenario.ts"
import type * as SimPlatform from "./SimPlatform.ts"

export type Departure = Extract<Scenario.Action, { readonly _tag: "Depart" }>

export interface Living {
  readonly name: string
  readonly engine: RTCEngine.Engine
  readonly platform: SimPlatform.SimPlatform
  readonly conditions: SimPlatform.Conditions
  /** How the application wants its connection to end. */
  readonly departures: Queue.Queue<Departure>
}

/** Writes down what happens to somebody. */
export type Record = (who: string, what: What) => void

/** Whoever it is that something happens to. */
export const everybody = "-"
