/**
 * What a process or page of the benchmark is asked to do with its client. Times are milliseconds of a clock that all of them
 * share.
 */
export const contestants = [
  "effect-livekit (node-datachannel)",
  "effect-livekit (wrtc)",
  "rtc-node",
  "livekit-client (wrtc)",
  "effect-livekit (Chromium)",
  "livekit-client (Chromium)"
] as const

export type Contestant = (typeof contestants)[number]

export type Task =
  | { readonly _tag: "Join"; readonly url: string; readonly token: string }
  /** From a client that does not exist yet to its first reliable packet. */
  | { readonly _tag: "JoinAndSend"; readonly url: string; readonly token: string }
  | { readonly _tag: "Leave" }
  /** Sends every packet back that comes. */
  | { readonly _tag: "Echo" }
  | { readonly _tag: "RoundTrips"; readonly count: number; readonly size: number; readonly spacing: number }
  | { readonly _tag: "Flood"; readonly count: number; readonly size: number }
  | { readonly _tag: "Lossy"; readonly perSecond: number; readonly size: number; readonly seconds: number }
  /** Sends reliable packets at a steady pace, until told to stop. */
  | { readonly _tag: "Tick"; readonly spacing: number }
  | { readonly _tag: "StopTicking" }
  /** Waits until so many packets have come, or no more come for 5 s; how many those are, and when the last one came. */
  | { readonly _tag: "Received"; readonly count: number }
  /** Forgets what came. */
  | { readonly _tag: "Forget" }
  /** What came so far, when. */
  | { readonly _tag: "Arrivals" }
  /** When the client said that it is back. */
  | { readonly _tag: "Back" }
  /** Joins with as many clients at once, and keeps them. */
  | { readonly _tag: "JoinMany"; readonly url: string; readonly tokens: ReadonlyArray<string> }
  | { readonly _tag: "Usage" }

export interface Usage {
  /** Milliseconds. */
  readonly cpu: number
  /** Bytes. */
  readonly rss: number
  /** Bytes of JavaScript, buffers included. */
  readonly heap: number
  readonly files: number
  readonly threads: number
  /** How often a client said that its connection was lost. */
  readonly losses: number
  readonly at: number
}

/** The answer to each task. */
export interface Results {
  readonly Join: null
  readonly JoinAndSend: { readonly startedAt: number; readonly joinedAt: number }
  readonly Leave: null
  readonly Echo: null
  readonly RoundTrips: ReadonlyArray<number>
  readonly Flood: { readonly startedAt: number; readonly cpu: number }
  readonly Lossy: { readonly sent: number; readonly delayP99: number | undefined; readonly cpu: number }
  readonly Tick: null
  readonly StopTicking: number
  readonly Received: { readonly count: number; readonly lastAt: number }
  readonly Forget: null
  readonly Arrivals: ReadonlyArray<number>
  readonly Back: number
  readonly JoinMany: { readonly millis: number }
  readonly Usage: Usage
}

export interface Request {
  readonly id: number
  readonly request: Task
}

export interface Response {
  readonly id: number
  readonly result: Results[keyof Results]
  readonly error: string | undefined
}
