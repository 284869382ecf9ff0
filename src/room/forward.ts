/**
 * What a server does with a data packet before it goes to others (D3-D6), as plain functions.
 */
import { DataPacket, DataPacket_Kind } from "@livekit/protocol"
import type { Kind } from "../DataChannel.ts"

/** The sender's side of forwarding; one per participant session. */
export interface SenderState {
  readonly sid: string
  readonly identity: string
  readonly canPublishData: boolean
  lastSequence: number
  /** Nonces seen, newest last; bounded. */
  readonly nonces: Set<string>
}

const rememberedNonces = 1_000

/** What is to be sent on, and to whom; `undefined` when the packet goes nowhere. */
export const accept = (
  sender: SenderState,
  kind: Kind,
  bytes: Uint8Array
): { readonly bytes: Uint8Array; readonly isFor: (identity: string) => boolean } | undefined => {
  const packet = decode(bytes)
  if (packet === undefined || !sender.canPublishData) return undefined
  if (kind === "reliable" && packet.sequence > 0) {
    if (packet.sequence <= sender.lastSequence) return undefined
    sender.lastSequence = packet.sequence
  }
  if (packet.value.case === "user") {
    const { nonce } = packet.value.value
    if (nonce.length > 0) {
      const key = nonce.join(",")
      if (sender.nonces.has(key)) return undefined
      remember(sender.nonces, key)
    }
    packet.value.value.participantSid = sender.sid
    packet.value.value.participantIdentity = sender.identity
  }
  packet.kind = kind === "reliable" ? DataPacket_Kind.RELIABLE : DataPacket_Kind.LOSSY
  packet.participantSid = sender.sid
  packet.participantIdentity = sender.identity
  const destinations = packet.destinationIdentities
  return {
    bytes: packet.toBinary(),
    isFor: (identity) => destinations.length === 0 || destinations.includes(identity)
  }
}

const decode = (bytes: Uint8Array): DataPacket | undefined => {
  try {
    return DataPacket.fromBinary(bytes)
  } catch {
    return undefined
  }
}

const remember = (nonces: Set<string>, key: string) => {
  nonces.add(key)
  if (nonces.size <= rememberedNonces) return
  for (const oldest of nonces) {
    nonces.delete(oldest)
    return
  }
}
