/**
 * What is done about a failure.
 */
import { type LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"

/**
 * What a failure means for the session it ended.
 *
 * - `Resume`: the server still knows the session; a new signal connection may take it up again.
 * - `Restart`: the session is gone; join afresh (perhaps in another region).
 * - `GiveUp`: trying again cannot help; the application has to act.
 *
 * @category models
 */
export type Recovery = "Resume" | "Restart" | "GiveUp"

/**
 * What a leave asks the client to do (S147-S149, V32: `canReconnect` of old servers).
 *
 * @category decisions
 */
export const ofLeave = (leave: LeaveRequest): Recovery =>
  leave.action === LeaveRequest_Action.RESUME
    ? "Resume"
    : leave.action === LeaveRequest_Action.RECONNECT || leave.canReconnect
      ? "Restart"
      : "GiveUp"
