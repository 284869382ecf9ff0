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
  readonly add: (request: AddTrackRequest, info: TrackInfo) => void
  /** The track that this media is for: by the client's id, else the first of its kind that waits. */
  readonly received: (media: RemoteMedia) => PublishedTrack | undefined
  /** Nothing is sent in this section any more; the track that is over. */
  readonly ended: (mid: string) => PublishedTrack | undefined
}

export const make = (): Uplink => {
  const tracks = new Map<string, PublishedTrack>()
  const kindOf = ({ info }: PublishedTrack) => (info.type === TrackType.AUDIO ? "audio" : "video")
  return {
    all: () => [...tracks.values()],
    add: ({ cid, stream }, info) => {
      tracks.set(info.sid, { cid, info, stream, media: undefined, wasSubscribed: false })
    },
    received: (media) => {
      const waiting = [...tracks.values()].filter(
        (track) => track.media === undefined && kindOf(track) === media.track.kind
      )
      const track = waiting.find(({ cid }) => cid === media.trackId) ?? waiting[0]
      if (track !== undefined) {
        track.media = media
        track.info.mid = media.mid ?? ""
      }
      return track
    },
    ended: (mid) => {
      const track = [...tracks.values()].find(({ media }) => media?.mid === mid)
      if (track !== undefined) tracks.delete(track.info.sid)
      return track
    }
  }
}
