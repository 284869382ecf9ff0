/**
 * What a participant is answered when it publishes, and whether what it says about its tracks after a resume is true.
 */
import {
  type AddTrackRequest,
  type MuteTrackRequest,
  RequestResponse,
  RequestResponse_Reason,
  type SyncState,
  TrackInfo,
  TrackType
} from "@livekit/protocol"

/** Why a track cannot be published; `undefined` when it can (M1). */
export const refuseTrack = (canPublish: boolean, request: AddTrackRequest): RequestResponse | undefined => {
  const reason = !canPublish
    ? RequestResponse_Reason.NOT_ALLOWED
    : request.type === TrackType.AUDIO || request.type === TrackType.VIDEO
      ? undefined
      : RequestResponse_Reason.UNSUPPORTED_TYPE
  return reason === undefined
    ? undefined
    : new RequestResponse({ reason, request: { case: "addTrack", value: request } })
}

/** The answer to who mutes a track that it does not have. */
export const noSuchTrack = (request: MuteTrackRequest): RequestResponse =>
  new RequestResponse({ reason: RequestResponse_Reason.NOT_FOUND, request: { case: "mute", value: request } })

export const trackInfo = (sid: string, { muted, name, source, type }: AddTrackRequest): TrackInfo =>
  new TrackInfo({ sid, name, source, type, muted })

/** Whether the server knows every track that a client says it has published (Q4). No data tracks are known here. */
export const knowsAll = (tracks: ReadonlyArray<TrackInfo>, state: SyncState): boolean => {
  const known = new Set(tracks.map(({ sid }) => sid))
  return (
    state.publishDataTracks.length === 0 &&
    state.publishTracks.every(({ track }) => track !== undefined && known.has(track.sid))
  )
}
