/**
 * A participant without a client: it is in the room as any other, and what it says and hears goes through functions.
 */
import type { DisconnectReason, ParticipantInfo } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type { Kind } from "../DataChannel.ts"
import type { Claims } from "./Claims.ts"
import type { Participant } from "./Participant.ts"
import * as SignalLink from "./SignalLink.ts"
import * as Subscriptions from "./Subscriptions.ts"

/** Hears a data packet of somebody else. */
export type OnData = (kind: Kind, bytes: Uint8Array) => void

/** The participant in the hands of whoever let it in. */
export interface Entered {
  /** As others see it; a change is told by `announce`. */
  readonly info: ParticipantInfo
  readonly isPresent: () => boolean
  readonly others: () => ReadonlyArray<ParticipantInfo>
  /** Sends an encoded packet to the room. */
  readonly send: (kind: Kind, bytes: Uint8Array) => void
  readonly announce: () => void
  readonly leave: (reason: DisconnectReason) => Effect.Effect<void>
}

export const make = (options: {
  readonly info: ParticipantInfo
  readonly claims: Claims
  readonly onData: OnData
  readonly onEnd: (reason: DisconnectReason) => Effect.Effect<void>
}): Participant => {
  const self = { hasEnded: false }
  return {
    info: options.info,
    claims: options.claims,
    protocol: 0,
    signal: SignalLink.make(),
    sendData: options.onData,
    closeChannel: () => {},
    // It neither publishes nor receives media.
    tracks: () => [],
    chooser: Subscriptions.makeChooser(false, false),
    permits: () => true,
    forward: () => {},
    subscribed: () => {},
    stats: Effect.succeed([]),
    lastHeardAt: () => 0,
    start: () => Effect.void,
    canResume: () => false,
    takeResumeTrouble: () => false,
    restartIce: Effect.void,
    end: (_, reason) =>
      Effect.suspend(() => {
        if (self.hasEnded) return Effect.void
        self.hasEnded = true
        return options.onEnd(reason)
      }),
    mayClose: Effect.void,
    receive: () => Effect.void
  }
}
