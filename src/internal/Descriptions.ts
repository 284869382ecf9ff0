/**
 * Which descriptions are in force on both sides of a peer connection, by what was set (W3C: pending and current). Kept here
 * because libwebrtc changes its own while it gathers: wrtc crashes now and then when it is asked for them meanwhile, and
 * serializing them takes time on the path of every packet.
 */
import type { SessionDescription } from "../PeerConnectionFactory.ts"

interface Side {
  readonly current: SessionDescription | null
  readonly pending: SessionDescription | null
}

export interface Descriptions {
  readonly local: Side
  readonly remote: Side
}

export const none: Descriptions = {
  local: { current: null, pending: null },
  remote: { current: null, pending: null }
}

/** A description was set successfully. */
export const set = (self: Descriptions, side: keyof Descriptions, description: SessionDescription): Descriptions => {
  if (description.type === "offer") return { ...self, [side]: { ...self[side], pending: description } }
  return side === "local"
    ? { local: settled(description), remote: settled(inForce(self.remote)) }
    : { local: settled(inForce(self.local)), remote: settled(description) }
}

const settled = (current: SessionDescription | null): Side => ({ current, pending: null })

/** What W3C calls `localDescription` and `remoteDescription`. */
export const inForce = ({ current, pending }: Side): SessionDescription | null => pending ?? current
