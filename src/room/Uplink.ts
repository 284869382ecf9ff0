/**
 * The tracks that one participant publishes: what it asked for, and the media that came for it.
 */
import type { AddTrackRequest, TrackInfo } from "@livekit/protocol"
import { TrackType } from "@livekit/protocol"
import type { RemoteMedia } from "../PeerConnectionTransport.ts"

export interface PublishedTrack {
  readonly cid: string
  readonly info: TrackInfo
  /** The client's name of the stream. */
  readonly stream: string
  /** Absent until its media has come. */
  media: RemoteMedia | undefined
  /** The publisher was told that somebody receives it. */
  wasSubscribed: boolean
}

export interface Uplink {
  readonly all: () => ReadonlyArray<PublishedTrack>
  /** Whether its media was there already. */
  readonly add: (request: AddTrackRequest, info: TrackInfo) => boolean
  /** The track that this media is for: by the client's id, else the first of its kind that waits; else it waits for one. */
  readonly received: (media: RemoteMedia) => PublishedTrack | undefined
  /** Nothing is sent in this section any more; the track that is over. */
  readonly ended: (mid: string) => PublishedTrack | undefined
}

export const make = (): Uplink => {
  const tracks = new Map<string, PublishedTrack>()
  /** Came before it was asked for. */
  const early: Array<RemoteMedia> = []
  const kindOf = ({ info }: PublishedTrack) => (info.type === TrackType.AUDIO ? "audio" : "video")
  const receive = (media: RemoteMedia): PublishedTrack | undefined => {
    const waiting = [...tracks.values()].filter(
      (track) => track.media === undefined && kindOf(track) === media.track.kind
    )
    const track = waiting.find(({ cid }) => cid === media.trackId) ?? waiting[0]
    if (track === undefined) return undefined
    track.media = media
    track.info.mid = media.mid ?? ""
    return track
  }
  return {
    all: () => [...tracks.values()],
    add: ({ cid, stream }, info) => {
      tracks.set(info.sid, { cid, info, stream, media: undefined, wasSubscribed: false })
      const index = early.findIndex((media) => media.trackId === cid)
      const media = early[index]
      if (media === undefined) return false
      early.splice(index, 1)
      return receive(media) !== undefined
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
      if (track !== undefined) tracks.delete(track.info.sid)
      return track
    }
  }
}
