/**
 * What a flight recording is made of: one thing that came to an engine, that it decided, or that it told its users. Nothing secret
 * is in any of them.
 *
 * Import it as `effect-livekit/FlightEntry`; it is not in the main entry point, as `effect-livekit/FlightRecording` is not.
 */
import * as Schema from "effect/Schema"

/** Milliseconds since the recording began. */
const at = { at: Schema.Finite }
const target = Schema.Literals(["publisher", "subscriber"])
const request = Schema.Literals(["join", "resume"])
const recovery = Schema.Literals(["Resume", "Restart", "GiveUp"])
/** The number of the dial, from 0: what is said of a signal connection names the dial that made it. */
const dial = { dial: Schema.Finite }
/** The number of the peer connection, from 0. */
const peer = { peer: Schema.Finite, target }
/** The number of the call, from 0: one that was interrupted has no outcome. */
const call = { call: Schema.Finite }
/** A leave of the server: what the client is to do, and why, by the names of the protocol. */
const leave = Schema.Struct({ action: Schema.String, reason: Schema.String, canReconnect: Schema.Boolean })

/**
 * The application called: `connect`, `disconnect`, `disconnectAfterFlush`, `reconnectNow`, `probe`; of `sendData` and
 * `publishTrack` the first on each signal connection: it may start the publisher, and gives a flush something to wait for.
 *
 * @category models
 */
export const Called = Schema.TaggedStruct("Called", {
  ...at,
  operation: Schema.String,
  /** Of `connect`. */
  mode: Schema.optionalKey(Schema.Literals(["auto", "single", "dual"])),
  /** Milliseconds that `disconnectAfterFlush` may take. */
  deadline: Schema.optionalKey(Schema.Finite)
})

/**
 * The scope closed that `connect` was called in, or the call was interrupted.
 *
 * @category models
 */
export const ScopeClosed = Schema.TaggedStruct("ScopeClosed", at)

/**
 * The platform said something: a `PlatformEvent`.
 *
 * @category models
 */
export const Hinted = Schema.TaggedStruct("Hinted", {
  ...at,
  event: Schema.Literals(["Offline", "Online", "Awake", "Ending"])
})

/**
 * The server was dialled, to join or to take a session up again.
 *
 * @category models
 */
export const Dialled = Schema.TaggedStruct("Dialled", {
  ...at,
  ...dial,
  request,
  /** Scheme, host and port. */
  origin: Schema.String
})

/**
 * The dial ended well: `path` is the route, `lastMessageSeq` what the server has of the reliable packets (resumes only, and not
 * of servers that do not say it).
 *
 * @category models
 */
export const Answered = Schema.TaggedStruct("Answered", {
  ...at,
  ...dial,
  request,
  path: Schema.Literals(["v0", "v1"]),
  lastMessageSeq: Schema.optionalKey(Schema.Finite),
  /** Of a join: which peer connection the server needs first, and whether it wants the publisher at once. */
  subscriberPrimary: Schema.optionalKey(Schema.Boolean),
  fastPublish: Schema.optionalKey(Schema.Boolean)
})

/**
 * The dial failed; `reason` is the tag of the error's reason, `status` that of an HTTP answer.
 *
 * @category models
 */
export const Refused = Schema.TaggedStruct("Refused", {
  ...at,
  ...dial,
  request,
  reason: Schema.String,
  status: Schema.optionalKey(Schema.Finite),
  leave: Schema.optionalKey(leave)
})

/**
 * A message of the server; `message` is its case.
 *
 * @category models
 */
export const SignalReceived = Schema.TaggedStruct("SignalReceived", {
  ...at,
  ...dial,
  message: Schema.String,
  leave: Schema.optionalKey(leave)
})

/**
 * A request to the server; `request` is its case.
 *
 * @category models
 */
export const SignalSent = Schema.TaggedStruct("SignalSent", {
  ...at,
  ...dial,
  request: Schema.String,
  isSent: Schema.Boolean
})

/**
 * The signal connection ended. Code 3000 stands for a ping that was not answered.
 *
 * @category models
 */
export const SignalEnded = Schema.TaggedStruct("SignalEnded", { ...at, ...dial, code: Schema.Finite })

/**
 * Whether the server answered when it was asked for a sign of life.
 *
 * @category models
 */
export const Probed = Schema.TaggedStruct("Probed", { ...at, ...dial, ...call, answered: Schema.Boolean })

/**
 * Another region was looked for.
 *
 * @category models
 */
export const RegionSought = Schema.TaggedStruct("RegionSought", {
  ...at,
  ...call,
  outcome: Schema.Literals(["found", "none", "failed"]),
  /** Scheme, host and port of the region that was found. */
  origin: Schema.optionalKey(Schema.String)
})

/**
 * A peer connection was made.
 *
 * @category models
 */
export const PeerConnectionMade = Schema.TaggedStruct("PeerConnectionMade", {
  ...at,
  ...peer,
  relayOnly: Schema.Boolean
})

/**
 * A peer connection changed its state.
 *
 * @category models
 */
export const PeerConnectionChanged = Schema.TaggedStruct("PeerConnectionChanged", {
  ...at,
  ...peer,
  state: Schema.Literals(["new", "connecting", "connected", "disconnected", "failed", "closed"])
})

/**
 * A step of a negotiation ended: the offer for the join request, a negotiation that we asked for or wait for, an answer to the
 * server's offer. `failure` is the tag of the error's reason.
 *
 * @category models
 */
export const Negotiated = Schema.TaggedStruct("Negotiated", {
  ...at,
  ...peer,
  ...call,
  step: Schema.Literals(["initialOffer", "negotiate", "negotiated", "answer"]),
  failure: Schema.optionalKey(Schema.String)
})

/**
 * Whether the far end answered over a peer connection when it was asked for that.
 *
 * @category models
 */
export const PathAsked = Schema.TaggedStruct("PathAsked", { ...at, ...peer, ...call, answered: Schema.Boolean })

/**
 * A data channel, of ours or of the far end, changed its state, or the runtime refused bytes for it.
 *
 * @category models
 */
export const ChannelChanged = Schema.TaggedStruct("ChannelChanged", {
  ...at,
  ...peer,
  label: Schema.String,
  origin: Schema.Literals(["local", "remote"]),
  state: Schema.Literals(["announced", "open", "closed", "refused"])
})

/**
 * A candidate, as far as it identifies nobody: where it came from, its type (`host`, `srflx`, `prflx`, `relay`) and transport.
 *
 * @category models
 */
export const Candidate = Schema.TaggedStruct("Candidate", {
  ...at,
  ...peer,
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
  asked: recovery,
  pathAlive: Schema.Boolean,
  resumable: Schema.Boolean,
  decision: recovery
})

/**
 * The schedule of the policy drew a delay, in milliseconds, for an attempt.
 *
 * @category models
 */
export const Delayed = Schema.TaggedStruct("Delayed", { ...at, attempt: Schema.Finite, millis: Schema.Finite })

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
  ScopeClosed,
  Hinted,
  Dialled,
  Answered,
  Refused,
  SignalReceived,
  SignalSent,
  SignalEnded,
  Probed,
  RegionSought,
  PeerConnectionMade,
  PeerConnectionChanged,
  Negotiated,
  PathAsked,
  ChannelChanged,
  Candidate,
  Decided,
  Delayed,
  Told,
  StateChanged
])

/**
 * One thing that happened.
 *
 * @category models
 */
export type Entry = typeof Entry.Type
