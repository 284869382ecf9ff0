/**
 * What an engine's events are in words, for those that a person wants to read.
 */
import type { DisconnectCause, EngineEvent } from "effect-livekit"
import type { Mark } from "./Timeline.ts"

const causes = (cause: DisconnectCause.DisconnectCause): string => {
  switch (cause._tag) {
    case "SignalEnded":
      return cause.end._tag === "PingTimeout" ? "the server answers no pings" : "the signal connection is gone"
    case "PeerConnectionFailed":
    case "PeerConnectionError":
      return "the media path has failed"
    case "ChannelLost":
      return "a data channel is gone"
    case "Leave":
      return "the server said leave"
    case "Requested":
      return "a probe was not answered"
    default:
      return "the connection is in trouble"
  }
}

const packets = (count: number) => (count === 1 ? "1 packet" : `${count} packets`)

export interface Words {
  readonly text: string
  readonly kind?: Mark["kind"] | undefined
  /** Shorter, for the timeline. */
  readonly label?: string | undefined
}

export const words = (event: EngineEvent.EngineEvent): Words | undefined => {
  switch (event._tag) {
    case "Connected":
      return { text: "connected" }
    case "Resuming":
      return { text: `takes the session up again, for ${causes(event.cause)}` }
    case "Resumed":
      return {
        text: `is back in its session, ${packets(event.replayed)} replayed`,
        kind: "recovery",
        label: `resumed, ${event.replayed} replayed`
      }
    case "Reconnecting":
      return { text: `joins anew, for ${causes(event.cause)}` }
    case "Reconnected":
      return { text: "is back in a new session", kind: "recovery", label: "joined anew" }
    case "InDoubt":
      return {
        text: `${packets(event.sequences.length)} in doubt${event.resent ? ", sent again" : ""}`,
        kind: "recovery",
        label: `${event.sequences.length} in doubt`
      }
    case "Disconnected":
      return event.error === undefined
        ? { text: "has left" }
        : { text: `gave up: ${event.error.message}`, kind: "trouble", label: "gave up" }
    default:
      return undefined
  }
}
