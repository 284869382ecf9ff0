/**
 * Puts packets in the order of their sequences, sender by sender. A channel of the far end that a runtime hands over while
 * packets come in may give the first of them in any order.
 */
import { DataPacket } from "@livekit/protocol"

interface Numbered {
  readonly bytes: Uint8Array
  readonly sequence: number
}

/** The same messages in order; those without a sequence, and what is no packet, stay where they are. */
export const inSequence = (messages: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const senders = messages.map(senderOf)
  const bySender = new Map<string, Array<Numbered>>()
  for (const [at, found] of senders.entries()) {
    const bytes = messages[at]
    if (found === undefined || bytes === undefined) continue
    const all = bySender.get(found.sender) ?? []
    bySender.set(found.sender, all)
    all.push({ bytes, sequence: found.sequence })
  }
  // Taken from the end, which costs nothing.
  for (const all of bySender.values()) all.sort((a, b) => b.sequence - a.sequence)
  return messages.map((bytes, at) => {
    const found = senders[at]
    return (found === undefined ? undefined : bySender.get(found.sender)?.pop()?.bytes) ?? bytes
  })
}

const senderOf = (bytes: Uint8Array): { readonly sender: string; readonly sequence: number } | undefined => {
  try {
    const { participantSid, sequence } = DataPacket.fromBinary(bytes)
    return sequence === 0 ? undefined : { sender: participantSid, sequence }
  } catch {
    return undefined
  }
}
