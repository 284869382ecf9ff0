/**
 * The format of a flight recording: what came to one engine, what it decided, and what it told its users, in order. Bounded and
 * redacted: no token, no SDP, no address of a candidate, no payload.
 *
 * Import it as `effect-livekit/FlightRecording`; it is not in the main entry point, so that Schema is in no bundle that does not
 * read recordings.
 */
import * as Schema from "effect/Schema"
import { Entry } from "./FlightEntry.ts"

export { Entry }

/**
 * What decisions depend on, beside what happens: abilities of the WebRTC runtime, and times in milliseconds from the settings and
 * the policy.
 *
 * @category models
 */
export const Conditions = Schema.Struct({
  iceRestart: Schema.Boolean,
  setConfiguration: Schema.Boolean,
  offerInJoin: Schema.Literals(["auto", "never"]),
  peerConnectionTimeout: Schema.Finite,
  pathTimeout: Schema.Finite,
  explanationTimeout: Schema.Finite,
  /** Of an outage. */
  timeLimit: Schema.Finite
})

/**
 * A recording, as JSON in a file.
 *
 * @example
 * ```ts
 * import * as FlightRecording from "effect-livekit/FlightRecording"
 * import { Schema } from "effect"
 *
 * const read = Schema.decodeUnknownEffect(FlightRecording.FromJson)
 * ```
 *
 * @category models
 */
export const FlightRecording = Schema.Struct({
  /** Of this format. */
  version: Schema.Literal(2),
  conditions: Conditions,
  /** Milliseconds since 1970 at which the recording began. */
  startedAt: Schema.Finite,
  /** Entries that were dropped from the front because the recording was full. */
  dropped: Schema.Finite,
  entries: Schema.Array(Entry)
})

/**
 * A recording, decoded.
 *
 * @category models
 */
export type FlightRecording = typeof FlightRecording.Type

/**
 * A recording from the text of a file, and back.
 *
 * @category encoding
 */
export const FromJson = Schema.fromJsonString(FlightRecording)
