/**
 * What a server does with a data packet before it goes to others (D3-D6), as a plain function.
 */
import { DataPacket, DataPacket_Kind } from "@livekit/protocol"
import type { Kind } from "../DataChannel.ts"
import type { RecentNonces } from "./RecentNonces.ts"

/** The sender's side of forwarding; one per participant session. */
export interface SenderState {
  readonly sid: string
  readonly identity: string
  readonly canPublishData: boolean
  /** Agents may transcribe, and speak for others. */
  readonly isAgent: boolean
  lastSequence: number
}

/** Whom a packet could go to. */
export interface Recipient {
  readonly sid: string
  readonly identity: string
}

export interface Forwarded {
  readonly packet: DataPacket
  readonly bytes: Uint8Array
  readonly isFor: (recipient: Recipient) => boolean
}

/** What is to be sent on, and to whom; `undefined` when the packet goes nowhere. */
export const accept = (
  sender: SenderState,
  nonces: RecentNonces,
  kind: Kind,
  bytes: Uint8Array
): Forwarded | undefined => {
  if (!sender.canPublishData) return undefined
  const packet = decode(bytes)
  if (packet === undefined) return undefined
  if (kind === "reliable" && packet.sequence > 0) {
    if (packet.sequence <= sender.lastSequence) return undefined
    sender.lastSequence = packet.sequence
  }
  const { value } = packet
  // Metrics are for the server itself, and transcriptions are believed from agents only.
  if (value.case === "metrics" || (value.case === "transcription" && !sender.isAgent)) return undefined
  if (value.case === "user" && nonces.isDuplicate(value.value.nonce)) return undefined

  packet.kind = kind === "reliable" ? DataPacket_Kind.RELIABLE : DataPacket_Kind.LOSSY
  packet.participantSid = sender.sid
  if (!speaksForAnother(sender, packet)) packet.participantIdentity = sender.identity
  const sids = value.case === "user" ? value.value.destinationSids : []
  if (value.case === "user") {
    const user = value.value
    user.participantSid = sender.sid
    user.participantIdentity = sender.identity
    // Named in either place, they are named in both.
    if (packet.destinationIdentities.length > 0) user.destinationIdentities = packet.destinationIdentities
    else packet.destinationIdentities = user.destinationIdentities
  }
  const identities = packet.destinationIdentities
  const isForAll = identities.length === 0 && sids.length === 0
  return {
    packet,
    bytes: packet.toBinary(),
    isFor: ({ identity, sid }) => isForAll || identities.includes(identity) || sids.includes(sid)
  }
}

/** An agent's chat message or text stream in the name of somebody keeps that name, and is marked as generated (D4). */
const speaksForAnother = (sender: SenderState, { participantIdentity, value }: DataPacket): boolean => {
  if (!sender.isAgent || participantIdentity === "" || participantIdentity === sender.identity) return false
  const spoken =
    value.case === "chatMessage"
      ? value.value
      : value.case === "streamHeader" && value.value.contentHeader.case === "textHeader"
        ? value.value.contentHeader.value
        : undefined
  if (spoken === undefined) return false
  spoken.generated = true
  return true
}

const decode = (bytes: Uint8Array): DataPacket | undefined => {
  try {
    return DataPacket.fromBinary(bytes)
  } catch {
    return undefined
  }
}
