/**
 * What a participant is answered when it publishes, and whether what it says about its tracks after a resume is true.
 */
import {
  type AddTrackRequest,
  type MuteTrackRequest,
  RequestResponse,
  RequestResponse_Reason,
  SimulcastCodecInfo,
  type SyncState,
  TrackInfo,
  TrackSource,
  TrackType,
  type TrickleRequest
} from "@livekit/protocol"

/** What a participant is told that may not publish a track, or not yet (M1). */
export const answerTrack = (request: AddTrackRequest, reason: RequestResponse_Reason, message = ""): RequestResponse =>
  new RequestResponse({ reason, message, request: { case: "addTrack", value: request } })

/** Why a track cannot be published; `undefined` when it can (M1). */
export const refuseTrack = (canPublish: boolean, request: AddTrackRequest): RequestResponse | undefined => {
  if (!canPublish) return answerTrack(request, RequestResponse_Reason.NOT_ALLOWED)
  return request.type === TrackType.AUDIO || request.type === TrackType.VIDEO
    ? undefined
    : answerTrack(request, RequestResponse_Reason.UNSUPPORTED_TYPE)
}

/** The answer to who mutes a track that it does not have. */
export const noSuchTrack = (request: MuteTrackRequest): RequestResponse =>
  new RequestResponse({ reason: RequestResponse_Reason.NOT_FOUND, request: { case: "mute", value: request } })

/** The answer to a candidate that cannot be read. */
export const badCandidate = (request: TrickleRequest): RequestResponse =>
  new RequestResponse({
    reason: RequestResponse_Reason.UNCLASSIFIED_ERROR,
    message: "the candidate is no JSON",
    request: { case: "trickle", value: request }
  })

/** A track as it is described to everybody until its media has come. */
export const trackInfo = (sid: string, request: AddTrackRequest): TrackInfo =>
  new TrackInfo({
    sid,
    type: request.type,
    name: request.name,
    muted: request.muted,
    source: request.source,
    width: request.width,
    height: request.height,
    disableDtx: request.disableDtx,
    disableRed: request.disableRed,
    stereo: request.stereo,
    encryption: request.encryption,
    stream: request.stream === "" ? streamOf(request.source) : request.stream,
    layers: request.layers,
    audioFeatures: request.audioFeatures,
    codecs:
      request.simulcastCodecs.length === 0
        ? [new SimulcastCodecInfo({ cid: request.cid, layers: request.layers })]
        : request.simulcastCodecs.map(
            ({ cid, codec, layers }) =>
              new SimulcastCodecInfo({
                cid,
                mimeType: `${request.type === TrackType.VIDEO ? "video" : "audio"}/${codec}`,
                layers: layers.length === 0 ? request.layers : layers
              })
          )
  })

/** Tracks of one stream are played in time with each other. */
const streamOf = (source: TrackSource): string => {
  switch (source) {
    case TrackSource.CAMERA:
    case TrackSource.MICROPHONE:
      return "camera"
    case TrackSource.SCREEN_SHARE:
    case TrackSource.SCREEN_SHARE_AUDIO:
      return "screen"
    default:
      return "unknown"
  }
}

/** Whether the server knows every track that a client says it has published (Q4). No data tracks are known here. */
export const knowsAll = (tracks: ReadonlyArray<TrackInfo>, state: SyncState): boolean => {
  const known = new Set(tracks.map(({ sid }) => sid))
  return (
    state.publishDataTracks.length === 0 &&
    state.publishTracks.every(({ track }) => track !== undefined && known.has(track.sid))
  )
}
