/**
 * Media of a W3C peer connection as the seam wants it.
 */
import * as Effect from "effect/Effect"
import { MediaFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import type {
  Direction,
  MediaTrack,
  RtcMedia,
  RtcReceiver,
  RtcTrackEvent,
  RtcTransceiver,
  TransceiverInit
} from "../RtcMedia.ts"
import * as Sdp from "../Sdp.ts"
import * as Stats from "../Stats.ts"
import { nameTracks } from "./nameTracks.ts"

export interface W3CSenderLike {
  readonly track: MediaTrack | null
  replaceTrack(track: MediaTrack | null): Promise<void>
}

export interface W3CTransceiverLike {
  readonly mid: string | null
  direction: Direction | "stopped"
  readonly sender: W3CSenderLike
  readonly receiver: { readonly track: MediaTrack }
}

/** As in the W3C dictionary. */
export interface W3CTransceiverInit {
  direction: Direction
  sendEncodings?: Array<{
    rid?: string
    active?: boolean
    maxBitrate?: number
    maxFramerate?: number
    scaleResolutionDownBy?: number
  }>
}

/** What is read of an event about a track. */
export interface W3CTrackEvent {
  readonly track?: MediaTrack
  readonly transceiver?: W3CTransceiverLike
}

export interface W3CMediaLike {
  addTransceiver(track: MediaTrack | string, init?: W3CTransceiverInit): W3CTransceiverLike
  getTransceivers(): Array<W3CTransceiverLike>
  removeTrack(sender: W3CSenderLike): void
  getStats(selector?: MediaTrack | null): Promise<{ forEach(each: (stats: object) => void): void }>
}

const failure = (step: MediaFailed["step"]) => (cause: unknown) =>
  new PeerConnectionError({ reason: new MediaFailed({ step, cause }) })

// A closed peer connection, or a track that is no longer part of it, has nothing to say.
const statsOf = (peer: W3CMediaLike, selector: () => MediaTrack | null | undefined) =>
  Effect.tryPromise(() => {
    const track = selector()
    return track === null ? Promise.resolve([]) : peer.getStats(track)
  }).pipe(
    Effect.map((report) => {
      const entries: Array<Stats.Stats> = []
      report.forEach((entry) => void entries.push(Stats.fromEntry(entry)))
      return entries
    }),
    Effect.orElseSucceed((): Stats.StatsReport => [])
  )

// Selected by its track, because wrtc knows no statistics of a sender or receiver.
const receiverOf = (peer: W3CMediaLike, track: MediaTrack): RtcReceiver => ({
  track,
  stats: statsOf(peer, () => track)
})

const transceiverOf = (peer: W3CMediaLike, native: W3CTransceiverLike): RtcTransceiver => ({
  mid: () => native.mid,
  kind: native.receiver.track.kind === "audio" ? "audio" : "video",
  setDirection: (direction) =>
    Effect.try({
      try: () => {
        native.direction = direction
      },
      catch: failure("setDirection")
    }),
  sender: {
    track: () => native.sender.track,
    replaceTrack: (track) =>
      Effect.tryPromise({ try: () => native.sender.replaceTrack(track), catch: failure("replaceTrack") }),
    stats: statsOf(peer, () => native.sender.track)
  },
  receiver: receiverOf(peer, native.receiver.track)
})

const toW3C = ({ direction, encodings = [] }: TransceiverInit): W3CTransceiverInit => ({
  direction,
  ...(encodings.length === 0
    ? {}
    : {
        sendEncodings: encodings.map(({ active, maxBitrate, maxFramerate, rid, scaleResolutionDownBy }) => ({
          ...(rid === undefined ? {} : { rid }),
          ...(active === undefined ? {} : { active }),
          ...(maxBitrate === undefined ? {} : { maxBitrate }),
          ...(maxFramerate === undefined ? {} : { maxFramerate }),
          ...(scaleResolutionDownBy === undefined ? {} : { scaleResolutionDownBy })
        }))
      })
})

export interface W3CMedia extends RtcMedia {
  /**
   * An offer that has just been made, with the names of our tracks. libwebrtc names a second sender of a track at random, and
   * servers would take it for any track that they wait for.
   */
  readonly describe: (sdp: string) => string
  /** The same, changed or not, with the names that the runtime gave them, which it takes alone. */
  readonly toNative: (sdp: string) => string
}

export const make = (peer: W3CMediaLike): W3CMedia => {
  const names = new Map<W3CTransceiverLike, string>()
  const made = { names: new Map<string, string>() }

  return {
    addTransceiver: (track, init) =>
      Effect.try({
        try: () => {
          const native = peer.addTransceiver(track, toW3C(init))
          if (typeof track !== "string") names.set(native, init.name ?? track.id)
          return transceiverOf(peer, native)
        },
        catch: failure("addTransceiver")
      }),
    removeTrack: (trackId) =>
      Effect.try({
        try: () => {
          const own = peer
            .getTransceivers()
            .filter((native) => names.get(native) === trackId || native.sender.track?.id === trackId)
          for (const native of own) {
            names.delete(native)
            peer.removeTrack(native.sender)
          }
          return own.length
        },
        catch: failure("removeTrack")
      }),
    transceivers: () => peer.getTransceivers().map((native) => transceiverOf(peer, native)),
    stats: statsOf(peer, () => undefined),
    toNative: (sdp) => nameTracks(sdp, made.names),
    describe: (sdp) => {
      made.names = new Map(
        Sdp.sections(sdp).flatMap(({ mid, trackId }) => (trackId === undefined ? [] : [[mid, trackId] as const]))
      )
      if (names.size === 0) return sdp
      const all = peer.getTransceivers()
      const placed = new Map(all.map((native) => [native.mid, native]))
      // New sections are those of new transceivers, in their order (RFC 8829, 5.2.1).
      const unplaced = all.filter(({ mid }) => mid === null)
      return nameTracks(
        sdp,
        new Map(
          Sdp.sections(sdp).flatMap(({ mid }) => {
            const native = placed.get(mid) ?? unplaced.shift()
            const name = native === undefined ? undefined : names.get(native)
            return name === undefined ? [] : [[mid, name] as const]
          })
        )
      )
    }
  }
}

/** `undefined` for an event without a track (OB3). */
export const trackEvent = (peer: W3CMediaLike, { track, transceiver }: W3CTrackEvent): RtcTrackEvent | undefined =>
  track === undefined ? undefined : { track, receiver: receiverOf(peer, track), mid: transceiver?.mid ?? null }
