/**
 * Who is in a room, what they hear of each other, and how their data gets around.
 */
import {
  type DataPacket,
  type DisconnectReason,
  type ParticipantInfo,
  ParticipantInfo_State,
  ParticipantUpdate,
  type Room as RoomInfo
} from "@livekit/protocol"
import type * as Scope from "effect/Scope"
import type { Kind } from "../DataChannel.ts"
import * as forward from "./forward.ts"
import type { Participant } from "./Participant.ts"
import { RecentNonces } from "./RecentNonces.ts"

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
    this.announce(info)
  }

  /** Tells the others how somebody is now. */
  announce(info: ParticipantInfo) {
    info.version++
    this.#changed.set(info.sid, info)
    if (!this.#isBatching) this.tellChanges()
  }

  tellChanges() {
    if (this.#changed.size === 0) return
    const changed = [...this.#changed.values()]
    this.#changed = new Map()
    for (const { participant } of this.sessions.values()) {
      const participants = changed.filter(({ sid }) => sid !== participant.info.sid)
      if (participants.length > 0) {
        participant.signal.send({ case: "update", value: new ParticipantUpdate({ participants }) })
      }
    }
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
