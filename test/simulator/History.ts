/**
 * What happened in a run, as plain values with their times: what the engines said, what the applications did and got, what the
 * server saw, and what was done to them.
 */
import type { DisconnectReason } from "@livekit/protocol"
import type { FlightRecording } from "effect-livekit/FlightRecording"
import type { ConnectionState, EngineError, EngineEvent } from "effect-livekit"
import { describeEvent } from "../../src/testing/describeEvent.ts"
import type { Fault, Scenario } from "./Scenario.ts"
import type { Counts } from "./VirtualRuntime.ts"

type Kind = "reliable" | "lossy"

export type What =
  | { readonly _tag: "State"; readonly state: ConnectionState.ConnectionState }
  | { readonly _tag: "Event"; readonly event: EngineEvent.EngineEvent }
  | { readonly _tag: "Connect"; readonly attempt: number }
  | { readonly _tag: "ConnectFailed"; readonly error: EngineError.EngineError }
  | { readonly _tag: "ConnectInterrupted" }
  | { readonly _tag: "Depart"; readonly how: string }
  | { readonly _tag: "Departed"; readonly reason: DisconnectReason }
  | { readonly _tag: "ReconnectNow" }
  /** A packet was handed to `sendData`; `text` is unlike all others. */
  | { readonly _tag: "Sending"; readonly text: string; readonly kind: Kind }
  | { readonly _tag: "Accepted"; readonly text: string; readonly kind: Kind }
  | { readonly _tag: "SendFailed"; readonly text: string; readonly error: EngineError.EngineError }
  | { readonly _tag: "Received"; readonly text: string; readonly kind: Kind; readonly from: string }
  /** A reliable packet left the engine whose sequence was not the next one of its channel. */
  | { readonly _tag: "Skipped"; readonly from: number; readonly to: number }
  /** Of this participant, by the server. */
  | {
      readonly _tag: "Forwarded"
      readonly text: string
      readonly kind: Kind
      readonly sid: string
      readonly sequence: number
      readonly to: ReadonlyArray<string>
    }
  | { readonly _tag: "Request"; readonly text: string; readonly failed: string | undefined }
  | { readonly _tag: "Dial"; readonly socket: number; readonly isResume: boolean; readonly host: string }
  | { readonly _tag: "SocketOpen"; readonly socket: number }
  | { readonly _tag: "SocketClosed"; readonly socket: number; readonly by: "client" | "far end"; readonly code: number }
  /** A message reached a client, or left it. */
  | { readonly _tag: "Got"; readonly message: string; readonly detail: string }
  | { readonly _tag: "Said"; readonly message: string; readonly detail: string }
  | { readonly _tag: "Fault"; readonly fault: Fault; readonly phase: "begins" | "ends" | "happens" }
  /** Whether anything gets through, this way. */
  | { readonly _tag: "Path"; readonly path: "signal" | "media"; readonly isUp: boolean }
  | { readonly _tag: "Server"; readonly isUp: boolean }
  | { readonly _tag: "Healed" }

export interface Entry {
  readonly at: number
  /** A participant, or `-` for everybody. */
  readonly who: string
  readonly what: What
}

/** What is still there. */
export interface Leftovers extends Counts {
  readonly sockets: number
  readonly listeners: number
  readonly peerConnections: number
  readonly channels: number
}

/** All that is known about a run when it is over. */
export interface Run {
  readonly scenario: Scenario
  readonly entries: ReadonlyArray<Entry>
  /** After the engines' scopes closed. */
  readonly ofEngines: Omit<Leftovers, "fibers" | "timers"> | undefined
  /** After everything closed. */
  readonly left: Leftovers
  readonly participantsLeft: ReadonlyArray<string>
  /** Of each engine, where it was asked for. */
  readonly recordings: ReadonlyArray<FlightRecording>
  /** Senders that wait although all is well. */
  readonly blocked: ReadonlyArray<string>
  readonly unprobed: ReadonlyArray<string>
  readonly defects: ReadonlyArray<unknown>
  readonly hung: string | undefined
  readonly millis: number
}

const short = (text: string) => (text.length > 60 ? `${text.slice(0, 57)}...` : text)

const describe = (what: What): string => {
  switch (what._tag) {
    case "State":
      return `is ${what.state}`
    case "Event":
      return `event ${describeEvent(what.event)}`
    case "Connect":
      return `connects (${what.attempt})`
    case "ConnectFailed":
      return `connect failed: ${what.error.message}`
    case "Depart":
      return `app: ${what.how}`
    case "Sending":
      return `sends ${short(what.text)} (${what.kind})`
    case "Accepted":
      return `accepted ${short(what.text)}`
    case "SendFailed":
      return `send of ${short(what.text)} failed: ${what.error.message}`
    case "Received":
      return `receives ${short(what.text)} from ${what.from}`
    case "Forwarded":
      return `server took ${short(what.text)} (sequence ${what.sequence} of ${what.sid}) for ${what.to.join(",")}`
    case "Skipped":
      return `sends sequence ${what.to} after ${what.from}`
    case "Request":
      return `requests ${what.text}${what.failed === undefined ? "" : ` and fails: ${what.failed}`}`
    case "Dial":
      return `dials ${what.host} to ${what.isResume ? "resume" : "join"} (socket ${what.socket})`
    case "SocketOpen":
      return `socket ${what.socket} is open`
    case "SocketClosed":
      return `socket ${what.socket} closed by ${what.by} (${what.code})`
    case "Got":
    case "Said":
      return `${what._tag === "Got" ? "<-" : "->"} ${what.message} ${what.detail}`.trimEnd()
    case "Fault": {
      const { _tag, at: _at, who: _who, ...rest } = what.fault
      const detail = Object.entries(rest).map(([key, value]) => `${key} ${value}`)
      return `fault ${_tag} ${what.phase}${detail.length > 0 ? ` (${detail.join(", ")})` : ""}`
    }
    case "Path":
      return `${what.path} path ${what.isUp ? "up" : "down"}`
    case "Server":
      return `server ${what.isUp ? "up" : "down"}`
    case "Departed":
      return `is out (reason ${what.reason})`
    default:
      return what._tag
  }
}

/** One line an entry, as a table of time, who and what. */
export const timeline = (entries: ReadonlyArray<Entry>): string =>
  entries
    .map(({ at, what, who }) => `${(at / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(6)} ${describe(what)}`)
    .join("\n")
