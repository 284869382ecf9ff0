/**
 * Troubles to be caused from code.
 */
import type { LeaveRequest } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type { Kind } from "../DataChannel.ts"
import { Refusal } from "./Refusal.ts"
import type { Frame } from "./SignalSocket.ts"

/**
 * Troubles of single participants, and of the next dial whoever makes it. An identity that is in no room is ignored. Troubles of
 * the next dial that are asked for several times befall as many dials, in that order.
 *
 * @category models
 */
export interface Faults {
  /** Ends the signal connection without a close frame; the media path stays. */
  readonly dropSignal: (identity: string) => Effect.Effect<void>
  /**
   * Closes the signal connection with a code; the media path stays. Codes are 1000 to 1014 without 1004 to 1006, or 3000 to 4999;
   * for a 1006 at the client see `dropSignal`. A LiveKit server closes with 1000 and nothing else.
   */
  readonly closeSignal: (identity: string, code: number) => Effect.Effect<void>
  /** Reads nothing and says nothing on the signal connection, and leaves it open. */
  readonly stallSignal: (identity: string) => Effect.Effect<void>
  /** Sends bytes as a binary frame, or a string as a text frame, whatever they say. */
  readonly sendRaw: (identity: string, frame: Frame) => Effect.Effect<void>
  /** Sends bytes on a data channel to this participant, whatever they say. */
  readonly sendRawData: (identity: string, kind: Kind, bytes: Uint8Array) => Effect.Effect<void>
  /** Closes the data channel that this participant has opened, and nothing else. */
  readonly closeChannel: (identity: string, kind: Kind) => Effect.Effect<void>
  /** The next resume of this participant is answered with a leave, and its session is over (Q3). */
  readonly refuseNextResume: (identity: string) => Effect.Effect<void>
  /** Sends a leave and closes the signal connection. The session is over unless the action is `RESUME`. */
  readonly leave: (identity: string, leave: LeaveRequest) => Effect.Effect<void>
  /** Sends a fresh token. */
  readonly refreshToken: (identity: string) => Effect.Effect<void>
  /**
   * Answers the next dial with an HTTP status and a body and no upgrade, and says the same to who asks the validate route why,
   * until somebody dials again.
   */
  readonly rejectNextDial: (status: number, body: string) => Effect.Effect<void>
  /** Takes the next dial's connection and never answers its request, so there is no upgrade. */
  readonly stallNextDial: Effect.Effect<void>
  /** Upgrades the next dial and says nothing on its socket: no join, no pong, no close. Nobody joins a room by it. */
  readonly silenceFirstFrame: Effect.Effect<void>
}

type DialTrouble =
  | { readonly _tag: "Reject"; readonly refusal: Refusal }
  | { readonly _tag: "Stall" }
  | { readonly _tag: "Silence" }

export interface DialTroubles extends Pick<Faults, "rejectNextDial" | "silenceFirstFrame" | "stallNextDial"> {
  /** To be run first for each dial: fails, waits for ever, or says whether the upgraded socket is to be left silent. */
  readonly onDial: Effect.Effect<{ readonly isSilent: boolean }, Refusal>
  /** To be run first for each validation. */
  readonly onValidate: Effect.Effect<void, Refusal>
}

export const makeDialTroubles = (): DialTroubles => {
  const waiting: Array<DialTrouble> = []
  const self = { last: undefined as Refusal | undefined }
  const arm = (trouble: DialTrouble) => Effect.sync(() => void waiting.push(trouble))
  return {
    rejectNextDial: (status, body) => arm({ _tag: "Reject", refusal: new Refusal({ status, body }) }),
    stallNextDial: arm({ _tag: "Stall" }),
    silenceFirstFrame: arm({ _tag: "Silence" }),
    onDial: Effect.suspend(() => {
      const trouble = waiting.shift()
      self.last = trouble?._tag === "Reject" ? trouble.refusal : undefined
      if (trouble?._tag === "Reject") return Effect.fail(trouble.refusal)
      return trouble?._tag === "Stall" ? Effect.never : Effect.succeed({ isSilent: trouble?._tag === "Silence" })
    }),
    onValidate: Effect.suspend(() => (self.last === undefined ? Effect.void : Effect.fail(self.last)))
  }
}
