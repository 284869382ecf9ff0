/**
 * A section of media: what goes in and out in it, and what both sides have said of it.
 */
import type { Direction, MediaKind } from "../../RtcMedia.ts"
import type { RtpTrack } from "../../RtpTrack.ts"
import type * as placement from "./placement.ts"
import type * as RtpSdp from "./RtpSdp.ts"
import type * as RtpSender from "./RtpSender.ts"

export interface Section extends placement.Section {
  readonly kind: MediaKind
  /** What we want; the far end may want less. */
  direction: Direction
  readonly sender: RtpSender.RtpSender
  /** The track that was given, which may still wait for its turn. */
  source: RtpTrack | undefined
  /** What it is called while it is sent, whichever track took over since; of sections of the far end there is none. */
  name: string | undefined
  terms: RtpSdp.Terms
  remote: { readonly isSending: boolean; readonly isReceiving: boolean } | undefined
  readonly received: RtpTrack
  readonly layers: Map<string, RtpTrack>
}

export const sends = (direction: Direction) => direction === "sendonly" || direction === "sendrecv"

/** What a section is in an answer: no direction is claimed that the offer does not have. */
export const answered = ({ direction, remote, source }: Section): Direction => {
  const isSent = remote?.isReceiving === true && source !== undefined && direction !== "recvonly"
  const isReceived = remote?.isSending === true && direction !== "sendonly"
  return isSent ? (isReceived ? "sendrecv" : "sendonly") : isReceived ? "recvonly" : "inactive"
}
