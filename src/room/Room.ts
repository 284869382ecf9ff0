/**
 * Who is in a room, what they hear of each other, and how their data gets around.
 */
import {
  type DataPacket,
  ConnectionQuality,
  type ConnectionQualityInfo,
  ConnectionQualityUpdate,
  type DisconnectReason,
  type ParticipantInfo,
  ParticipantInfo_State,
  ParticipantUpdate,
  type Room as RoomInfo,
  type SignalResponse,
  SpeakersChanged,
  TrackType,
  VideoQuality
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Kind } from "../DataChannel.ts"
import type { ForwardedTrack } from "./Downlink.ts"
import * as forward from "./forward.ts"
import * as Layers from "./Layers.ts"
import type { Participant } from "./Participant.ts"
import * as Quality from "./Quality.ts"
import { RecentNonces } from "./RecentNonces.ts"
import * as Speakers from "./Speakers.ts"
import * as Subscriptions from "./Subscriptions.ts"
import type { PublishedTrack } from "./Uplink.ts"

export interface Session {
  readonly participant: Participant
  readonly sender: forward.SenderState
  readonly scope: Scope.Closeable
}

/** A data packet that a room has accepted. */
export interface Forwarded {
  readonly from: ParticipantInfo
  readonly to: ReadonlyArray<ParticipantInfo>
  readonly kind: Kind
  /** As the recipients get it. */
  readonly packet: DataPacket
}

/** How many of those who left are remembered for those who were cut off meanwhile. */
const rememberedDepartures = 128

export class Room {
  readonly info: RoomInfo
  readonly sessions = new Map<string, Session>()
  readonly #isBatching: boolean
  readonly #nonces = new RecentNonces()
  readonly #speaking = new Map<string, number>()
  /** Of whoever has been connected. */
  readonly #quality = new Map<string, { readonly counts: Quality.Counts; readonly quality: ConnectionQuality }>()
  #layers = ""
  readonly #departed: Array<{ readonly info: ParticipantInfo; readonly at: number }> = []
  #changed = new Map<string, ParticipantInfo>()

  /** When batching, changes are told by {@link tellChanges} and not at once (J8). */
  constructor(info: RoomInfo, isBatching: boolean) {
    this.info = info
    this.#isBatching = isBatching
  }

  participants(): Array<ParticipantInfo> {
    return Array.from(this.sessions.values(), ({ participant }) => participant.info)
  }

  add(session: Session) {
    this.sessions.set(session.participant.info.identity, session)
    this.info.numParticipants = this.sessions.size
  }

  /** Takes a session out and tells the others; another session of the same identity stays. */
  remove(session: Session, reason: DisconnectReason, now: number) {
    const { info } = session.participant
    if (this.sessions.get(info.identity) === session) this.sessions.delete(info.identity)
    this.info.numParticipants = this.sessions.size
    info.state = ParticipantInfo_State.DISCONNECTED
    info.disconnectReason = reason
    this.#departed.push({ info, at: now })
    if (this.#departed.length > rememberedDepartures) this.#departed.shift()
    this.#quality.delete(info.sid)
    this.announce(info)
    this.forwardTracks()
  }

  /** Looks again at who receives which track, and of video which encoding; called whenever that may have changed. */
  forwardTracks() {
    const everybody = Array.from(this.sessions.values(), ({ participant }) => participant)
    const highest = new Map<PublishedTrack, VideoQuality>()
    for (const recipient of everybody) {
      const { chooser, info } = recipient
      const tracks = everybody
        .filter((publisher) => publisher !== recipient)
        .flatMap((publisher) =>
          publisher.tracks().flatMap((track): Array<ForwardedTrack> => {
            const { sid } = track.info
            if (!Subscriptions.wants(chooser, sid) || !publisher.permits(info, sid)) return []
            // Where there is only one encoding, nobody can have less of it.
            const isChoice = track.media?.receiver.layers !== undefined
            const quality = isChoice ? Layers.wanted(track.info, chooser.settings.get(sid)) : VideoQuality.HIGH
            const isPaused = chooser.disabled.has(sid)
            const forwarded = forwardedTrack(publisher.info.sid, track, { isPaused, quality })
            if (forwarded === undefined) return []
            if (!isPaused) highest.set(track, Math.max(quality, highest.get(track) ?? quality))
            return [forwarded]
          })
        )
      recipient.forward(tracks)
    }
    for (const publisher of everybody) {
      for (const track of publisher.tracks()) publisher.subscribed(track, highest.get(track))
    }
  }

  /** Looks at who speaks, and at which encodings come in, and tells everybody what is news. */
  readonly listen = Effect.gen({ self: this }, function* () {
    const levels = new Map<string, number>()
    for (const { participant } of this.sessions.values()) {
      levels.set(participant.info.sid, yield* Speakers.levelOf(participant.tracks()))
    }
    const speakers = Speakers.changes(this.#speaking, levels)
    if (speakers.length > 0)
      this.#tellAll({ case: "speakersChanged", value: new SpeakersChanged({ speakers: [...speakers] }) })
    const layers = Array.from(this.sessions.values(), ({ participant }) => participant.tracks().map(layersOf)).join()
    if (layers === this.#layers) return
    this.#layers = layers
    this.forwardTracks()
  })

  /** Looks at how well everybody is connected, and tells everybody what is news. */
  readonly measure = Effect.gen({ self: this }, function* () {
    for (const { participant } of this.sessions.values()) {
      const { sid } = participant.info
      const before = this.#quality.get(sid)
      // Who is not connected has been told of.
      if (before === undefined || before.quality === ConnectionQuality.LOST) continue
      const report = yield* participant.stats
      const counts = Quality.count(report)
      const info = Quality.of(sid, Math.max(Quality.lossUp(before.counts, counts), Quality.lossDown(report)))
      this.#quality.set(sid, { counts, quality: info.quality })
      if (info.quality !== before.quality) this.#tellQuality(info)
    }
  })

  /** Tells everybody whether media of somebody gets through. */
  tellConnected({ sid }: ParticipantInfo, isConnected: boolean) {
    const info = isConnected ? Quality.of(sid, 0) : Quality.lost(sid)
    this.#quality.set(sid, { counts: this.#quality.get(sid)?.counts ?? Quality.none, quality: info.quality })
    this.#tellQuality(info)
  }

  #tellQuality(info: ConnectionQualityInfo) {
    this.#tellAll({ case: "connectionQuality", value: new ConnectionQualityUpdate({ updates: [info] }) })
  }

  #tellAll(message: SignalResponse["message"]) {
    for (const { participant } of this.sessions.values()) participant.signal.send(message)
  }

  /** Tells everybody how somebody is now, by and by where changes are collected. */
  announce(info: ParticipantInfo) {
    info.version++
    this.#changed.set(info.sid, info)
    if (!this.#isBatching) this.tellChanges()
  }

  /** The same, at once. */
  announceNow(info: ParticipantInfo) {
    info.version++
    this.#changed.delete(info.sid)
    this.#tell([info])
  }

  tellChanges() {
    if (this.#changed.size === 0) return
    const changed = [...this.#changed.values()]
    this.#changed = new Map()
    this.#tell(changed)
  }

  #tell(participants: Array<ParticipantInfo>) {
    const value = new ParticipantUpdate({ participants })
    for (const { participant } of this.sessions.values()) participant.signal.send({ case: "update", value })
  }

  /** Those who left at this time or later (Q2). */
  departedSince(millis: number): Array<ParticipantInfo> {
    return this.#departed.filter(({ at }) => at >= millis).map(({ info }) => info)
  }

  /** Takes a data packet of a session to those it is for, and says what went to whom; nothing if it was not accepted. */
  forward(from: Session, kind: Kind, bytes: Uint8Array): Forwarded | undefined {
    if (this.sessions.get(from.sender.identity) !== from) return undefined
    const forwarded = forward.accept(from.sender, this.#nonces, kind, bytes)
    if (forwarded === undefined) return undefined
    const to: Array<ParticipantInfo> = []
    for (const { participant } of this.sessions.values()) {
      if (participant !== from.participant && forwarded.isFor(participant.info)) {
        participant.sendData(kind, forwarded.bytes)
        to.push(participant.info)
      }
    }
    return { from: from.participant.info, to, kind, packet: forwarded.packet }
  }
}

/** `undefined` while there is no media. */
const forwardedTrack = (
  publisherSid: string,
  { info, media, stream }: PublishedTrack,
  { isPaused, quality }: { readonly isPaused: boolean; readonly quality: VideoQuality }
): ForwardedTrack | undefined =>
  media === undefined
    ? undefined
    : {
        sid: info.sid,
        kind: info.type === TrackType.AUDIO ? "audio" : "video",
        // Older clients read the track from it, and some nothing without a second part.
        streamId: `${publisherSid}|${stream === "" ? info.sid : stream}`,
        media: Layers.choose(media.receiver.layers?.() ?? [], quality)?.track ?? media.track,
        isPaused
      }

/** Which encodings of a track come in. */
const layersOf = ({ info, media }: PublishedTrack): string =>
  [info.sid, ...(media?.receiver.layers?.() ?? []).map(({ rid }) => rid)].join(" ")
