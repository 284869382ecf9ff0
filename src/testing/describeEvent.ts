/**
 * What an engine tells its users, in a few words.
 */
import { DisconnectReason, LeaveRequest_Action, ParticipantInfo_State } from "@livekit/protocol"
import { type DisconnectCause, toReason } from "../DisconnectCause.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import { counted } from "../internal/counted.ts"

export const describeEvent = (event: EngineEvent): string => {
  const more = detail(event)
  return more === "" ? event._tag : `${event._tag}: ${more}`
}

const detail = (event: EngineEvent): string => {
  switch (event._tag) {
    case "Joined":
      return `as ${event.response.participant?.sid ?? "somebody"}`
    case "SignalConnected":
      return event.isResume ? "the session goes on" : "a new session"
    case "Connected":
      return event.evidence.connected.join(", ")
    case "Resuming":
    case "Reconnecting":
      return describeCause(event.cause)
    case "Resumed":
      return `after ${counted(event.attempts, "attempt")}, ${counted(event.replayed, "packet")} replayed`
    case "FullReconnecting":
      return `attempt ${event.attempt}`
    case "Reconnected":
      return `after ${counted(event.attempts, "attempt")}`
    case "FailedToConnect":
      return event.error.message
    case "Disconnected":
      return [DisconnectReason[event.reason], event.error?.message].filter((one) => one !== undefined).join(", ")
    case "InDoubt":
      return `${counted(event.sequences.length, "packet")}, ${event.sequences[0]} to ${event.sequences.at(-1)}, ${event.resent ? "sent again" : "not sent again"}`
    case "Undelivered":
      return `${counted(event.unsent.length, "packet")} never sent, ${event.inDoubt.length} in doubt`
    case "ParticipantsUpdated":
      return event.participants
        .map(({ identity, state }) => `${identity} is ${ParticipantInfo_State[state].toLowerCase()}`)
        .join(", ")
    case "OtherMessage":
      return event.message.case ?? "nothing"
    case "MalformedSignal":
    case "MalformedPacket":
      return `${event.size} bytes`
    default:
      return ""
  }
}

const describeCause = (cause: DisconnectCause): string =>
  cause._tag === "Leave"
    ? `the server said leave (${LeaveRequest_Action[cause.leave.action]}, ${DisconnectReason[cause.leave.reason]})`
    : cause._tag === "Requested"
      ? "the application asked for it"
      : toReason(cause).message
