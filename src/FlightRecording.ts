/**
 * The format of a flight recording: what came to one engine, what it decided, and what it told its users, in order. Bounded and
 * redacted: no token, no SDP, no address of a candidate, no payload.
 *
 * Import it as `effect-livekit/FlightRecording`; it is not in the main entry point, so that Schema is in no bundle that does not
 * read recordings.
 */
import * as Schema from "effect/Schema"

/** Whole milliseconds since the recording began. */
const at = { at: Schema.Finite }

/**
 * The application called: `connect`, `disconnect`, `reconnectNow`.
 *
 * @category models
 */
export const Called = Schema.TaggedStruct("Called", { ...at, operation: Schema.String })

/**
 * The server was dialled, to join or to take a session up again.
 *
 * @category models
 */
export const Dialled = Schema.TaggedStruct("Dialled", {
  ...at,
  request: Schema.Literals(["join", "resume"]),
  /** Scheme, host and port. */
  origin: Schema.String
})

/**
 * The dial ended well: `path` is the route, `lastMessageSeq` what the server has of the reliable packets (resumes only).
 *
 * @category models
 */
export const Answered = Schema.TaggedStruct("Answered", {
  ...at,
  request: Schema.Literals(["join", "resume"]),
  path: Schema.Literals(["v0", "v1"]),
  lastMessageSeq: Schema.optionalKey(Schema.Finite)
})

/**
 * The dial failed; `reason` is the tag of the error's reason, `status` that of an HTTP answer.
 *
 * @category models
 */
export const Refused = Schema.TaggedStruct("Refused", {
  ...at,
  request: Schema.Literals(["join", "resume"]),
  reason: Schema.String,
  status: Schema.optionalKey(Schema.Finite)
})

/**
 * A message of the server; `message` is its case.
 *
 * @category models
 */
export const SignalReceived = Schema.TaggedStruct("SignalReceived", {
  ...at,
  message: Schema.String,
  /** Of a leave: what the client is to do. */
  action: Schema.optionalKey(Schema.String)
})

/**
 * A request to the server; `request` is its case.
 *
 * @category models
 */
export const SignalSent = Schema.TaggedStruct("SignalSent", { ...at, request: Schema.String, isSent: Schema.Boolean })

/**
 * The signal connection ended. Code 3000 stands for a ping that was not answered.
 *
 * @category models
 */
export const SignalEnded = Schema.TaggedStruct("SignalEnded", { ...at, code: Schema.Finite })

const target = Schema.Literals(["publisher", "subscriber"])

/**
 * A peer connection changed its state.
 *
 * @category models
 */
export const PeerConnectionChanged = Schema.TaggedStruct("PeerConnectionChanged", {
  ...at,
  target,
  state: Schema.String
})

/**
 * A candidate, as far as it identifies nobody: where it came from, its type (`host`, `srflx`, `prflx`, `relay`) and transport.
 *
 * @category models
 */
export const Candidate = Schema.TaggedStruct("Candidate", {
  ...at,
  target,
  origin: Schema.Literals(["local", "remote"]),
  type: Schema.String,
  transport: Schema.String
})

/**
 * The policy decided what to do about an outage, and on what evidence.
 *
 * @category models
 */
export const Decided = Schema.TaggedStruct("Decided", {
  ...at,
  attempt: Schema.Finite,
  cause: Schema.String,
  asked: Schema.Literals(["Resume", "Restart", "GiveUp"]),
  pathAlive: Schema.Boolean,
  resumable: Schema.Boolean,
  decision: Schema.Literals(["Resume", "Restart", "GiveUp"])
})

/**
 * What users were told; `event` is the tag of the `EngineEvent`.
 *
 * @category models
 */
export const Told = Schema.TaggedStruct("Told", {
  ...at,
  event: Schema.String,
  detail: Schema.optionalKey(Schema.String)
})

/**
 * The state that users see.
 *
 * @category models
 */
export const StateChanged = Schema.TaggedStruct("StateChanged", {
  ...at,
  state: Schema.Literals(["Disconnected", "Connecting", "Connected", "Resuming", "Reconnecting"])
})

/**
 * One thing that happened.
 *
 * @category models
 */
export const Entry = Schema.Union([
  Called,
  Dialled,
  Answered,
  Refused,
  SignalReceived,
  SignalSent,
  SignalEnded,
  PeerConnectionChanged,
  Candidate,
  Decided,
  Told,
  StateChanged
])

/**
 * One thing that happened.
 *
 * @category models
 */
export type Entry = typeof Entry.Type

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
  version: Schema.Literal(1),
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
