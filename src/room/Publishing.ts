/**
 * What a participant publishes: what it is answered, what others hear of it, and what it hears of those who receive it.
 */
import {
  type AddTrackRequest,
  type MuteTrackRequest,
  type ParticipantInfo,
  RequestResponse_Reason,
  type SignalResponse,
  SubscribedCodec,
  SubscribedQualityUpdate,
  type SyncState,
  TrackPublishedResponse,
  TrackSubscribed,
  TrackType,
  type VideoQuality
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type { RemoteMedia } from "../PeerConnectionTransport.ts"
import * as Layers from "./Layers.ts"
import * as requests from "./requests.ts"
import * as Uplink from "./Uplink.ts"

export interface Publishing {
  readonly tracks: () => ReadonlyArray<Uplink.PublishedTrack>
  readonly add: (request: AddTrackRequest) => Effect.Effect<void>
  readonly mute: (request: MuteTrackRequest) => Effect.Effect<void>
  /** Whether all tracks are there that a client says it has published (Q4). */
  readonly knowsAll: (state: SyncState) => boolean
  /** Media has come. */
  readonly received: (media: RemoteMedia) => Effect.Effect<void>
  /** Nothing is sent in this section any more. */
  readonly ended: (mid: string) => Effect.Effect<void>
  /** Tells it which quality of a track is received at most, and once, that somebody receives it at all. */
  readonly subscribed: (track: Uplink.PublishedTrack, highest: VideoQuality | undefined) => void
}

export const make = (options: {
  readonly info: ParticipantInfo
  readonly canPublish: boolean
  /** Whether media of the client can come. */
  readonly takesMedia: boolean
  readonly trackSid: Effect.Effect<string>
  readonly send: (message: SignalResponse["message"]) => void
  readonly onChange: Effect.Effect<void>
  readonly onTracks: Effect.Effect<void>
}): Publishing => {
  const { info, send } = options
  const uplink = Uplink.make()
  const answer = (value: Extract<SignalResponse["message"], { case: "requestResponse" }>["value"]) =>
    send({ case: "requestResponse", value })
  const changed = Effect.andThen(options.onChange, options.onTracks)
  /** Others hear of a track when its media has come. */
  const shown = (track: Uplink.PublishedTrack) =>
    Effect.suspend(() => {
      info.tracks.push(track.info)
      info.isPublisher = true
      return changed
    })
  const published = (track: Uplink.PublishedTrack) =>
    Effect.suspend(() => {
      send({ case: "trackPublished", value: new TrackPublishedResponse({ cid: track.cid, track: track.info }) })
      // Where no media can come it is enough to have asked.
      return track.media !== undefined || !options.takesMedia ? shown(track) : Effect.void
    })

  return {
    tracks: uplink.all,
    add: Effect.fnUntraced(function* (request) {
      const refusal = requests.refuseTrack(options.canPublish, request)
      if (refusal !== undefined) return answer(refusal)
      if (request.sid !== "") {
        // Another codec of a track that there is.
        const track = info.tracks.find(({ sid }) => sid === request.sid)
        return track === undefined
          ? answer(requests.answerTrack(request, RequestResponse_Reason.NOT_FOUND))
          : send({ case: "trackPublished", value: new TrackPublishedResponse({ cid: request.cid, track }) })
      }
      const added = uplink.add(request, yield* options.trackSid)
      switch (added._tag) {
        case "Published":
          return yield* published(added.track)
        case "Queued":
          return answer(requests.answerTrack(request, RequestResponse_Reason.QUEUED))
        case "TooMany":
          return answer(requests.answerTrack(request, RequestResponse_Reason.LIMIT_EXCEEDED, added.message))
      }
    }),
    mute: (request) =>
      Effect.suspend(() => {
        const { muted, sid } = request
        const before = info.tracks.find((track) => track.sid === sid)?.muted
        if (uplink.setMuted(sid, muted) === undefined) answer(requests.noSuchTrack(request))
        return before === undefined || before === muted ? Effect.void : options.onChange
      }),
    knowsAll: (state) =>
      requests.knowsAll(
        uplink.all().map((track) => track.info),
        state
      ),
    received: (media) =>
      Effect.suspend(() => {
        const track = uplink.received(media)
        return track === undefined ? Effect.void : shown(track)
      }),
    ended: Effect.fnUntraced(function* (mid) {
      const ended = uplink.ended(mid)
      if (ended === undefined) return
      info.tracks = info.tracks.filter((track) => track !== ended.track.info)
      yield* changed
      if (ended.next !== undefined) yield* published(ended.next)
    }),
    subscribed: (track, highest) => {
      const trackSid = track.info.sid
      if (!track.wasSubscribed) {
        if (highest === undefined) return
        track.wasSubscribed = true
        send({ case: "trackSubscribed", value: new TrackSubscribed({ trackSid }) })
      } else if (track.told === highest) return
      track.told = highest
      if (track.info.type !== TrackType.VIDEO) return
      const qualities = [...Layers.subscribed(highest)]
      const codec = track.info.codecs[0]?.mimeType.replace("video/", "") ?? ""
      const value = new SubscribedQualityUpdate({
        trackSid,
        subscribedQualities: qualities,
        subscribedCodecs: codec === "" ? [] : [new SubscribedCodec({ codec, qualities })]
      })
      send({ case: "subscribedQualityUpdate", value })
    }
  }
}
