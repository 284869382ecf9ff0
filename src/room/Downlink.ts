/**
 * The tracks that one participant receives: which are wanted, and which section of its peer connection carries which.
 */
import * as Effect from "effect/Effect"
import { parse, write } from "sdp-transform"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { MediaKind, MediaTrack, RtcMedia, RtcTransceiver } from "../RtcMedia.ts"
import type { Section } from "../Sdp.ts"
import * as Sdp from "../Sdp.ts"

/** A track on its way to a participant. */
export interface ForwardedTrack {
  readonly sid: string
  readonly kind: MediaKind
  /** As the client reads it: `PA_...|stream`. */
  readonly streamId: string
  readonly media: MediaTrack
  /** Nothing is sent for the time being, and the track stays subscribed. */
  readonly isPaused: boolean
}

export interface Downlink {
  /** Says what is wanted from now on; whether that takes a negotiation. */
  readonly want: (tracks: ReadonlyArray<ForwardedTrack>) => Effect.Effect<boolean, PeerConnectionError>
  /** Before an offer of ours: sections for all that is wanted. */
  readonly prepareOffer: (media: RtcMedia) => Effect.Effect<void, PeerConnectionError>
  /** Before an answer of ours: what is wanted goes into the sections in which the client would receive. */
  readonly prepareAnswer: (media: RtcMedia, offered: ReadonlyArray<Section>) => Effect.Effect<void, PeerConnectionError>
  /** How many more sections the client has to offer, by kind (single peer connection). */
  readonly missing: () => Readonly<Record<MediaKind, number>>
  /** A description of ours, with the ids of what is sent, and the map of its sections. */
  readonly describe: (sdp: string) => { readonly sdp: string; readonly midToTrackId: Record<string, string> }
}

interface Slot {
  readonly transceiver: RtcTransceiver
  readonly track: ForwardedTrack
}

export const make = (): Downlink => {
  const self = {
    wanted: new Map<string, ForwardedTrack>(),
    /** In which the client would receive, by its last offer. */
    offered: [] as ReadonlyArray<Section>
  }
  /** By sid. */
  const slots = new Map<string, Slot>()

  const attach = (track: ForwardedTrack, transceiver: RtcTransceiver) =>
    Effect.gen(function* () {
      slots.set(track.sid, { transceiver, track })
      yield* transceiver.sender.replaceTrack(track.isPaused ? null : track.media)
      yield* transceiver.setDirection("sendonly")
    })
  const detach = ({ track, transceiver }: Slot) =>
    Effect.gen(function* () {
      slots.delete(track.sid)
      yield* transceiver.sender.replaceTrack(null)
      yield* transceiver.setDirection("inactive")
    })
  const detachUnwanted = Effect.suspend(() =>
    Effect.forEach(
      [...slots.values()].filter(({ track }) => !self.wanted.has(track.sid)),
      detach,
      { discard: true }
    )
  )
  const unplaced = () => [...self.wanted.values()].filter(({ sid }) => !slots.has(sid))
  const isFree = (transceiver: RtcTransceiver) => {
    const mid = transceiver.mid()
    return ![...slots.values()].some((slot) => slot.transceiver.mid() === mid)
  }

  return {
    want: Effect.fnUntraced(function* (tracks) {
      self.wanted = new Map(tracks.map((track) => [track.sid, track]))
      for (const slot of [...slots.values()]) {
        const next = self.wanted.get(slot.track.sid)
        if (next === undefined || (next.isPaused === slot.track.isPaused && next.media === slot.track.media)) continue
        slots.set(next.sid, { ...slot, track: next })
        yield* slot.transceiver.sender.replaceTrack(next.isPaused ? null : next.media)
      }
      return unplaced().length > 0 || [...slots.keys()].some((sid) => !self.wanted.has(sid))
    }),
    prepareOffer: Effect.fnUntraced(function* (media) {
      yield* detachUnwanted
      for (const track of unplaced()) {
        const free = media
          .transceivers()
          .find((transceiver) => transceiver.kind === track.kind && transceiver.mid() !== null && isFree(transceiver))
        yield* attach(track, free ?? (yield* media.addTransceiver(track.kind, { direction: "sendonly" })))
      }
    }),
    prepareAnswer: Effect.fnUntraced(function* (media, offered) {
      yield* detachUnwanted
      self.offered = offered.filter(Sdp.isReceiving)
      const receiving = new Set(self.offered.map(({ mid }) => mid))
      for (const track of unplaced()) {
        const free = media
          .transceivers()
          .find((one) => one.kind === track.kind && receiving.has(one.mid() ?? "") && isFree(one))
        if (free !== undefined) yield* attach(track, free)
      }
    }),
    missing: () => {
      const used = new Set([...slots.values()].map(({ transceiver }) => transceiver.mid()))
      const count = (kind: MediaKind) => {
        const free = self.offered.filter((section) => section.kind === kind && !used.has(section.mid)).length
        return Math.max(0, unplaced().filter((track) => track.kind === kind).length - free)
      }
      return { audio: count("audio"), video: count("video") }
    },
    describe: (sdp) => {
      const byMid = new Map([...slots.values()].map(({ track, transceiver }) => [transceiver.mid() ?? "", track]))
      byMid.delete("")
      if (byMid.size === 0) return { sdp, midToTrackId: {} }
      const session = parse(sdp)
      for (const section of session.media) {
        const track = byMid.get(String(section.mid))
        if (track === undefined) continue
        section.msid = [{ id: track.streamId, appdata: track.sid }]
        for (const ssrc of section.ssrcs ?? []) {
          if (ssrc.attribute === "msid") ssrc.value = `${track.streamId} ${track.sid}`
        }
      }
      return {
        sdp: write(session),
        midToTrackId: Object.fromEntries(Array.from(byMid, ([mid, { sid }]) => [mid, sid]))
      }
    }
  }
}
