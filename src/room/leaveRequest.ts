/**
 * The leave that a client of some protocol version understands (Q6).
 */
import { type DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"

/** From this protocol version on a leave has an action. */
const protocolWithAction = 13

/** Ends the session; the client stays away, or is expected to join anew. */
export const leaveRequest = (
  protocol: number,
  next: "disconnect" | "reconnect",
  reason: DisconnectReason
): LeaveRequest => {
  const isBack = next === "reconnect"
  return protocol >= protocolWithAction
    ? new LeaveRequest({ reason, action: isBack ? LeaveRequest_Action.RECONNECT : LeaveRequest_Action.DISCONNECT })
    : new LeaveRequest({ reason, canReconnect: isBack })
}

/** Asks for a resume. Older clients know no such leave and are told by the close alone. */
export const resumeRequest = (protocol: number, reason: DisconnectReason): LeaveRequest | undefined =>
  protocol >= protocolWithAction ? new LeaveRequest({ reason, action: LeaveRequest_Action.RESUME }) : undefined
