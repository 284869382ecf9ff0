/**
 * Troubles that a client asks the server for, to try itself (Q11).
 */
import { DisconnectReason, type SimulateScenario } from "@livekit/protocol"

/** What becomes of the session at once, or of its next resume. */
export type Simulation =
  | { readonly _tag: "End"; readonly reason: DisconnectReason; readonly withLeave: boolean }
  | { readonly _tag: "OnResume"; readonly how: ResumeTrouble }

/** `close`: the socket closes after the first messages. `refuse`: the dial gets an HTTP 500. */
export type ResumeTrouble = "close" | "refuse"

/** Milliseconds that a client has for the resume that it wants to see fail. */
export const armedFor = 5_000

/** `undefined` for what a LiveKit server does not simulate, or simulates with media. */
export const simulationOf = ({ scenario }: SimulateScenario): Simulation | undefined => {
  switch (scenario.case) {
    case "serverLeave":
      return { _tag: "End", reason: DisconnectReason.SERVER_SHUTDOWN, withLeave: true }
    case "nodeFailure":
      return { _tag: "End", reason: DisconnectReason.SERVER_SHUTDOWN, withLeave: false }
    case "migration":
      return { _tag: "End", reason: DisconnectReason.MIGRATION, withLeave: false }
    case "disconnectSignalOnResume":
      return { _tag: "OnResume", how: "close" }
    case "disconnectSignalOnResumeNoMessages":
      return { _tag: "OnResume", how: "refuse" }
    default:
      return undefined
  }
}
