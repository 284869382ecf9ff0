/**
 * A track of another participant whose media is received.
 */
import type { ParticipantInfo, TrackInfo } from "@livekit/protocol"
import type { MediaTrack, RtcReceiver } from "./RtcMedia.ts"

/**
 * A track of another participant that is received.
 *
 * @category models
 */
export interface RemoteTrack {
  /** The server's id of the track, `TR_...`. */
  readonly sid: string
  /** `PA_...|...` as the server named the stream; tracks of one stream are played in sync. */
  readonly streamId: string
  readonly track: MediaTrack
  readonly receiver: RtcReceiver
  /** Who publishes it, as last described when the track came. */
  readonly participant: ParticipantInfo
  /** How it was published; absent while the server has not said. */
  readonly info: TrackInfo | undefined
}

/**
 * The participant in a stream id, `PA_...|stream`, and the track where the server put it there.
 *
 * @category parsing
 */
export const parseStreamId = (
  streamId: string
): { readonly participantSid: string; readonly trackSid: string | undefined } => {
  const [participantSid = "", second] = streamId.split("|")
  return { participantSid, trackSid: second?.startsWith("TR") === true ? second : undefined }
}

/**
 * The server's id of a track: as it maps the section, as in the track id, or as in the stream id. With one peer connection
 * the runtime's own track id says nothing, so it is not asked.
 *
 * @category parsing
 */
export const sidOf = (ids: {
  readonly mid: string | null
  readonly midToTrackId: Readonly<Record<string, string>>
  readonly trackId: string | undefined
  readonly streamId: string | undefined
}): string | undefined => {
  const mapped = ids.mid === null ? undefined : ids.midToTrackId[ids.mid]
  if (mapped !== undefined) return mapped
  if (ids.trackId?.startsWith("TR") === true) return ids.trackId
  return ids.streamId === undefined ? undefined : (parseStreamId(ids.streamId).trackSid ?? ids.trackId)
}
