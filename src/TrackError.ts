/**
 * Failures of publishing a track. They concern the call that failed; the connection goes on.
 */
import type { RequestResponse_Reason } from "@livekit/protocol"
import * as Data from "effect/Data"

/**
 * A track of this client id is being published already (S53). Nothing was sent.
 *
 * @category reasons
 */
export class DuplicateTrack extends Data.TaggedError("DuplicateTrack")<{ readonly cid: string }> {
  override get message() {
    return `a track with the client id ${this.cid} is published already; unpublish it first, or publish another track`
  }
}

/**
 * The server did not answer in time (S55). The same client id may be used again.
 *
 * @category reasons
 */
export class PublishTimeout extends Data.TaggedError("PublishTimeout")<{
  readonly cid: string
  readonly millis: number
}> {
  override get message() {
    return `the server did not answer within ${this.millis} ms that the track ${this.cid} is published; try again`
  }
}

/**
 * The server refused to publish the track (S60), as `NOT_ALLOWED` when the token does not permit it.
 *
 * @category reasons
 */
export class PublishRefused extends Data.TaggedError("PublishRefused")<{
  readonly cid: string
  readonly why: RequestResponse_Reason
  /** What the server says beside; may be empty. */
  readonly detail: string
}> {
  override get message() {
    const detail = this.detail === "" ? "" : `: ${this.detail}`
    return `the server refused the track ${this.cid} (reason ${this.why})${detail}; check canPublish and canPublishSources of the token`
  }
}

/**
 * The signal connection was lost, or the session ended, before the server had answered (S59).
 *
 * @category reasons
 */
export class PublishAborted extends Data.TaggedError("PublishAborted")<{
  readonly cid: string
  /** The server may have heard of it. */
  readonly wasSent: boolean
}> {
  override get message() {
    return `publishing the track ${this.cid} was aborted by the loss of the connection; publish it again once connected`
  }
}

/**
 * The server took the track and refused the section that was to carry it: none of the offered codecs is allowed.
 *
 * @category reasons
 */
export class CodecRefused extends Data.TaggedError("CodecRefused")<{
  readonly cid: string
  /** What was offered, as `VP8`. */
  readonly offered: ReadonlyArray<string>
}> {
  override get message() {
    return `the server takes no codec that was offered for the track ${this.cid} (${this.offered.join(", ")})`
  }
}

/**
 * No published track has this id.
 *
 * @category reasons
 */
export class UnknownTrack extends Data.TaggedError("UnknownTrack")<{ readonly id: string }> {
  override get message() {
    return `no track ${this.id} is published`
  }
}

/**
 * Everything that can go wrong with publishing a track.
 *
 * @category reasons
 */
export type TrackErrorReason =
  | DuplicateTrack
  | PublishTimeout
  | PublishRefused
  | PublishAborted
  | CodecRefused
  | UnknownTrack
