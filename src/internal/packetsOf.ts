import type { DataPacket } from "@livekit/protocol"
import * as Packet from "../Packet.ts"
import type { Entry } from "../ReliableLog.ts"
import * as Nonce from "./Nonce.ts"

/**
 * What was accepted, for an application that may send it again. It has no nonce of ours then: others have been sent since, and
 * receivers would drop it for one they had.
 */
export const packetsOf = (entries: ReadonlyArray<Entry>): ReadonlyArray<DataPacket> =>
  entries.map(({ bytes }) => {
    const packet = Packet.decode(bytes)
    const { value } = packet
    if (value.case === "user" && Nonce.read(value.value.nonce)) value.value.nonce = new Uint8Array(0)
    return packet
  })
