/**
 * From bytes on a channel to packets for the users: decode, drop duplicates, keep lossy packets from piling up (S134-S139).
 */
import { DataPacket, type UserPacket } from "@livekit/protocol"
import type * as Clock from "effect/Clock"
import * as PubSub from "effect/PubSub"
import type { Kind } from "../DataChannel.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import type { ReceivedPacket } from "../Packet.ts"
import type { ReceiveState } from "../ReceiveState.ts"
import type * as Nonce from "./Nonce.ts"

export interface ReceiveCounters {
  readonly received: number
  readonly duplicates: number
  readonly malformed: number
  /** Lossy packets dropped because nobody read fast enough. */
  readonly dropped: number
}

export interface PacketReceiver {
  readonly receive: (kind: Kind, bytes: Uint8Array) => void
  readonly counters: () => ReceiveCounters
}

export const make = (options: {
  readonly clock: Clock.Clock
  readonly state: ReceiveState
  /** Outlives the sessions of the senders, whose sequences start anew with each. */
  readonly nonces: Nonce.NonceState
  readonly packets: PubSub.PubSub<ReceivedPacket>
  readonly lossyBacklog: number
  readonly emit: (event: EngineEvent) => void
}): PacketReceiver => {
  const { clock, emit, packets, state } = options
  const counters = { received: 0, duplicates: 0, malformed: 0, dropped: 0 }
  return {
    counters: () => ({ ...counters }),
    receive: (kind, bytes) => {
      const packet = decode(bytes)
      if (!(packet instanceof DataPacket)) {
        counters.malformed++
        return emit({ _tag: "MalformedPacket", kind, size: bytes.length, cause: packet.cause })
      }
      const now = clock.currentTimeMillisUnsafe()
      const isNew =
        state.isNew(packet.participantSid, packet.sequence, now) &&
        (packet.value.case !== "user" || options.nonces.isNew(packet.value.value.nonce))
      if (!isNew) {
        counters.duplicates++
        return
      }
      if (kind === "lossy" && PubSub.sizeUnsafe(packets) >= options.lossyBacklog) {
        counters.dropped++
        return
      }
      counters.received++
      if (packet.value.case === "user") clear(packet.value.value)
      if (packet.value.case === "speaker") emit({ _tag: "ActiveSpeakersUpdated", update: packet.value.value })
      PubSub.publishUnsafe(packets, { kind, packet })
    }
  }
}

/** Takes out what belongs to this sending: who sent on what was received would see it dropped as known, or go to nobody. */
const clear = (packet: UserPacket) => {
  packet.nonce = nothing
  packet.destinationIdentities = []
  packet.destinationSids = []
}

const nothing = new Uint8Array(0)

const decode = (bytes: Uint8Array): DataPacket | { readonly cause: unknown } => {
  try {
    return DataPacket.fromBinary(bytes)
  } catch (cause) {
    return { cause }
  }
}
