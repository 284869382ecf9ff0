/**
 * The tracks that one participant publishes: what it asked for, and the media that came for it.
 */
import type { AddTrackRequest, TrackInfo, VideoQuality } from "@livekit/protocol"
import { TrackType } from "@livekit/protocol"
import type { RemoteMedia } from "../PeerConnectionTransport.ts"
import * as requests from "./requests.ts"

export interface PublishedTrack {
  readonly cid: string
  readonly info: TrackInfo
  /** The client's name of the stream. */
  readonly stream: string
  /** Absent until its media has come. */
  media: RemoteMedia | undefined
  /** The publisher was told that somebody receives it. */
  wasSubscribed: boolean
  /** The highest quality that the publisher was told somebody wants. */
  told: VideoQuality | undefined
}

/** What becomes of a request to publish (M1). */
export type Added =
  /** Its media may have come already. */
  | { readonly _tag: "Published"; readonly track: PublishedTrack }
  /** Behind another track of the same client id, until that one is over. */
  | { readonly _tag: "Queued" }
  | { readonly _tag: "TooMany"; readonly message: string }

export interface Uplink {
  readonly all: () => ReadonlyArray<PublishedTrack>
  /** The track gets this sid, unless it is asked for again before its media has come. */
  readonly add: (request: AddTrackRequest, sid: string) => Added
  /** Mutes a track, those that wait behind it, or brings them back; `undefined` when there is none of this sid. */
  readonly setMuted: (sid: string, muted: boolean) => TrackInfo | undefined
  /** The track that this media is for: by the client's id, else the first of its kind that waits; else it waits for one. */
  readonly received: (media: RemoteMedia) => PublishedTrack | undefined
  /** Nothing is sent in this section any more: the track that is over, and the one that has waited for that. */
  readonly ended: (
    mid: string
  ) => { readonly track: PublishedTrack; readonly next: PublishedTrack | undefined } | undefined
}

/** Client ids whose media has not come. */
const maxPending = 20
/** Tracks of one client id whose media has not come. */
const maxQueued = 3

export const make = (): Uplink => {
  const tracks = new Map<string, PublishedTrack>()
  /** Came before it was asked for. */
  const early: Array<RemoteMedia> = []
  /** By client id. */
  const queues = new Map<string, ReadonlyArray<PublishedTrack>>()
  const kindOf = ({ info }: PublishedTrack) => (info.type === TrackType.AUDIO ? "audio" : "video")
  const receive = (media: RemoteMedia): PublishedTrack | undefined => {
    const waiting = [...tracks.values()].filter(
      (track) => track.media === undefined && kindOf(track) === media.track.kind
    )
    const own = waiting.find(({ cid }) => cid === media.trackId)
    // That one waits for its turn.
    if (own === undefined && queues.has(media.trackId ?? "")) return undefined
    const track = own ?? waiting[0]
    if (track === undefined) return undefined
    track.media = media
    track.info.mid = media.mid ?? ""
    return track
  }
  const publish = (track: PublishedTrack): PublishedTrack => {
    tracks.set(track.info.sid, track)
    const index = early.findIndex((media) => media.trackId === track.cid)
    const media = early[index]
    if (media === undefined) return track
    early.splice(index, 1)
    receive(media)
    return track
  }
  const ofCid = (cid: string) => [...tracks.values()].find((track) => track.cid === cid)
  /** Those whose media has not come. */
  const pendingOf = (cid: string) => {
    const track = ofCid(cid)
    return [...(track === undefined || track.media !== undefined ? [] : [track]), ...(queues.get(cid) ?? [])]
  }
  const pendingCids = () =>
    new Set([
      ...[...tracks.values()].filter(({ media }) => media === undefined).map(({ cid }) => cid),
      ...queues.keys()
    ])

  return {
    all: () => [...tracks.values()],
    add: (request, sid) => {
      const { cid, stream } = request
      const pending = pendingOf(cid)
      const { size } = pendingCids()
      const tooMany = (what: string, count: string) =>
        ({ _tag: "TooMany", message: `too many pending ${what}, rejecting new track, ${count}` }) as const
      if (size >= maxPending) return tooMany("tracks", `numPendingTracks: ${size}`)
      if (pending.length >= maxQueued) return tooMany("queued tracks", `numPendingTracksQueued: ${pending.length}`)
      const info = requests.trackInfo(pending[0]?.info.sid ?? sid, request)
      const track = { cid, info, stream, media: undefined, wasSubscribed: false, told: undefined }
      if (ofCid(cid) === undefined) return { _tag: "Published", track: publish(track) }
      queues.set(cid, [...(queues.get(cid) ?? []), track])
      return { _tag: "Queued" }
    },
    setMuted: (sid, muted) => {
      const found = [...tracks.values(), ...[...queues.values()].flat()].filter(({ info }) => info.sid === sid)
      for (const { info } of found) info.muted = muted
      return found[0]?.info
    },
    received: (media) => {
      const track = receive(media)
      if (track === undefined) early.push(media)
      return track
    },
    ended: (mid) => {
      const index = early.findIndex((media) => media.mid === mid)
      if (index >= 0) early.splice(index, 1)
      const track = [...tracks.values()].find(({ media }) => media?.mid === mid)
      if (track === undefined) return undefined
      tracks.delete(track.info.sid)
      const [next, ...rest] = queues.get(track.cid) ?? []
      if (rest.length > 0) queues.set(track.cid, rest)
      else queues.delete(track.cid)
      return { track, next: next === undefined ? undefined : publish(next) }
    }
  }
}
