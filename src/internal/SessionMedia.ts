/**
 * What one session knows of tracks: those that are being published and that are published, and those that are received.
 */
import {
  type AddTrackRequest,
  type MediaSectionsRequirement,
  type TrackInfo,
  TrackPublishedResponse,
  type RequestResponse,
  type TrackUnpublishedResponse
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import type { SignalRequest } from "../SignalRequest.ts"
import type { SignalRequestQueue } from "../SignalRequestQueue.ts"
import type { TrackErrorReason } from "../TrackError.ts"
import * as PendingTracks from "./PendingTracks.ts"
import type * as RemoteTracks from "./RemoteTracks.ts"

export interface SessionMedia {
  readonly publisher: PeerConnectionTransport
  readonly subscriber: PeerConnectionTransport | undefined
  readonly remote: RemoteTracks.RemoteTracks
  /** Whether the server is new enough to be believed about subscribed qualities. */
  readonly hasSubscribedQuality: boolean
  /** Asks the server to publish, and waits for its word. */
  readonly addTrack: (request: AddTrackRequest) => Effect.Effect<TrackInfo, TrackErrorReason>
  /** Negotiates the publisher, now needed if it was not before; waits until that is done. */
  readonly negotiate: Effect.Effect<void, PeerConnectionError>
  /** The same, waited for by nobody; a failure goes to the supervisor. */
  readonly negotiateSoon: Effect.Effect<void>
  /** What the server has published for us. */
  readonly published: () => ReadonlyArray<TrackPublishedResponse>
  readonly forget: (cid: string) => void
  readonly setMuted: (sid: string, muted: boolean) => void
  readonly onTrackPublished: (response: TrackPublishedResponse) => void
  /** The tracks of our own, as everybody is told of them: of one whose answer was lost nothing else is heard. */
  readonly onOwnTracks: (tracks: ReadonlyArray<TrackInfo>) => void
  readonly onTrackUnpublished: (response: TrackUnpublishedResponse) => void
  readonly onRequestAnswered: (response: RequestResponse) => void
  /** Sections in which the server will send, where it cannot make them itself (single peer connection). */
  readonly onSectionsRequired: (requirement: MediaSectionsRequirement) => Effect.Effect<void>
  /** The signal connection is gone, and with it the server's word on what it was asked. */
  readonly abortSent: () => void
  /** The session is over. */
  readonly abort: () => void
}

export const make = (options: {
  readonly publisher: PeerConnectionTransport
  readonly subscriber: PeerConnectionTransport | undefined
  readonly remote: RemoteTracks.RemoteTracks
  readonly serverVersion: string
  readonly requests: SignalRequestQueue
  readonly publishTimeout: number
  readonly negotiate: Effect.Effect<void, PeerConnectionError>
  readonly inBackground: (effect: Effect.Effect<void, PeerConnectionError>) => Effect.Effect<void>
}): SessionMedia => {
  const { inBackground, negotiate, publisher, requests } = options
  const pending = PendingTracks.make()
  const published = new Map<string, TrackInfo>()
  /** The server waits for their media, and nobody waits for them: what was queued, or given up before it was answered. */
  const unclaimed = new Map<string, TrackInfo>()
  const told = new Set<string>()
  const onTrackPublished: SessionMedia["onTrackPublished"] = (response) => {
    const { cid, track } = response
    if (track !== undefined) {
      told.add(track.sid)
      published.set(cid, track.clone())
      unclaimed.delete(cid)
    }
    if (!pending.published(response) && track !== undefined) unclaimed.set(cid, track)
  }

  return {
    publisher,
    subscriber: options.subscriber,
    remote: options.remote,
    hasSubscribedQuality: isNewer(options.serverVersion, "0.15.1"),
    addTrack: (request) =>
      Effect.suspend(() => {
        const waiting = unclaimed.get(request.cid)
        unclaimed.delete(request.cid)
        if (waiting !== undefined) return Effect.succeed(waiting)
        const message: SignalRequest = { case: "addTrack", value: request }
        return pending.await({
          cid: request.cid,
          millis: options.publishTimeout,
          // Queued while there is no connection, so it does not fail.
          send: Effect.ignore(requests.send(message)),
          isQueued: () => requests.isQueued(message),
          withdraw: Effect.sync(() => requests.withdraw(message)),
          // The answer to the one before was lost; once there is media, everybody is told of it.
          whenQueued: inBackground(negotiate)
        })
      }),
    negotiate,
    negotiateSoon: inBackground(negotiate),
    published: () => Array.from(published, ([cid, track]) => new TrackPublishedResponse({ cid, track })),
    forget: (cid) => void published.delete(cid),
    setMuted: (sid, muted) => {
      for (const track of published.values()) if (track.sid === sid) track.muted = muted
    },
    onTrackPublished,
    onOwnTracks: (tracks) => {
      for (const track of tracks) {
        if (told.has(track.sid)) continue
        for (const { cid } of track.codecs) {
          if (pending.awaits(cid)) onTrackPublished(new TrackPublishedResponse({ cid, track }))
        }
      }
    },
    onTrackUnpublished: ({ trackSid }) => {
      for (const all of [published, unclaimed]) {
        for (const [cid, { sid }] of all) if (sid === trackSid) all.delete(cid)
      }
    },
    onRequestAnswered: pending.answered,
    onSectionsRequired: ({ numAudios, numVideos }) => {
      const add = (kind: "audio" | "video", count: number) =>
        Effect.forEach(
          Array.from({ length: count }),
          () => publisher.media.addTransceiver(kind, { direction: "recvonly" }),
          { discard: true }
        )
      return inBackground(
        add("audio", numAudios).pipe(Effect.andThen(add("video", numVideos)), Effect.andThen(negotiate))
      )
    },
    abortSent: pending.abortSent,
    abort: pending.abort
  }
}

/** Whether a version comes after another; one that cannot be read is that of a new server. */
export const isNewer = (version: string, than: string): boolean => {
  const numbers = (text: string) => text.split(".").map((part) => Number.parseInt(part, 10))
  const [own, other] = [numbers(version), numbers(than)]
  if (own.some(Number.isNaN)) return true
  const at = own.findIndex((part, index) => part !== (other[index] ?? 0))
  return at >= 0 && (own[at] ?? 0) > (other[at] ?? 0)
}
