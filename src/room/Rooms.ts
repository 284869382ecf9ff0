/**
 * All rooms of a server, and how sessions in them begin and end.
 */
import {
  type DisconnectReason,
  ParticipantInfo,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  ParticipantPermission,
  Room as RoomInfo
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import type { Kind } from "../DataChannel.ts"
import type { Claims } from "./Claims.ts"
import type { SenderState } from "./forward.ts"
import type { JoinParameters } from "./JoinParameters.ts"
import * as Participant from "./Participant.ts"
import { type Forwarded, Room, type Session } from "./Room.ts"
import * as ScriptedParticipant from "./ScriptedParticipant.ts"

export interface Opened {
  readonly room: Room
  readonly session: Session
  /** Who was there before. */
  readonly others: ReadonlyArray<ParticipantInfo>
  readonly isSubscriberPrimary: boolean
}

/** Hears a data packet of a participant, as it came. */
export type OnPacket = (identity: string, kind: Kind, bytes: Uint8Array) => void

export interface Rooms {
  readonly all: () => Iterable<Room>
  readonly get: (room: string) => Room | undefined
  readonly session: (room: string, identity: string) => Session | undefined
  /** The sessions of an identity in any room. */
  readonly find: (identity: string) => ReadonlyArray<Session>
  /** Begins a session, in a new room if need be. */
  readonly open: (claims: Claims, parameters: JoinParameters) => Effect.Effect<Opened, PeerConnectionError>
  /** Begins a session of somebody who has no client. */
  readonly enter: (claims: Claims, onData: ScriptedParticipant.OnData) => Effect.Effect<ScriptedParticipant.Entered>
  readonly clear: () => void
}

export const make = Effect.fnUntraced(function* (options: {
  readonly isBatching: boolean
  /** A participant has changed what its token says. */
  readonly onOwnChange: (participant: Participant.Participant) => Effect.Effect<void>
  readonly onPacket?: OnPacket | undefined
  readonly onForwarded?: ((forwarded: Forwarded) => void) | undefined
}): Effect.fn.Return<Rooms, never, Scope.Scope | PeerConnectionFactory> {
  const factory = yield* PeerConnectionFactory
  const serverScope = yield* Effect.scope
  const rooms = new Map<string, Room>()
  const now = Effect.clockWith((clock) => clock.currentTimeMillis)

  const roomOf = Effect.fnUntraced(function* (name: string) {
    const existing = rooms.get(name)
    if (existing !== undefined) return existing
    const info = new RoomInfo({ name, sid: yield* sid("RM"), creationTime: seconds(yield* now) })
    return new Room(info, options.isBatching)
  })
  const close = (room: Room, session: Session, reason: DisconnectReason) =>
    Effect.gen(function* () {
      room.remove(session, reason, yield* now)
      if (room.sessions.size === 0 && rooms.get(room.info.name) === room) rooms.delete(room.info.name)
      // The session's own fiber may be the one that ends it, so its scope is closed from outside.
      const closing = Effect.andThen(session.participant.mayClose, Scope.close(session.scope, Exit.void))
      yield* Effect.forkIn(closing, serverScope)
    })
  const participantInfo = Effect.fnUntraced(function* (claims: Claims) {
    return new ParticipantInfo({
      sid: yield* sid("PA"),
      identity: claims.identity,
      name: claims.name,
      metadata: claims.metadata,
      attributes: { ...claims.attributes },
      kind: claims.isAgent ? ParticipantInfo_Kind.AGENT : ParticipantInfo_Kind.STANDARD,
      state: ParticipantInfo_State.JOINING,
      joinedAt: seconds(yield* now),
      permission: new ParticipantPermission({
        canPublish: claims.canPublish,
        canSubscribe: claims.canSubscribe,
        canPublishData: claims.canPublishData,
        canUpdateMetadata: claims.canUpdateOwnMetadata
      })
    })
  })

  const forward = (room: Room, session: Session, kind: Kind, bytes: Uint8Array) => {
    const forwarded = room.forward(session, kind, bytes)
    if (forwarded !== undefined) options.onForwarded?.(forwarded)
  }

  return {
    all: () => rooms.values(),
    get: (room) => rooms.get(room),
    session: (room, identity) => rooms.get(room)?.sessions.get(identity),
    find: (identity) =>
      Array.from(rooms.values(), ({ sessions }) => sessions.get(identity)).filter((session) => session !== undefined),
    open: Effect.fnUntraced(function* (claims, parameters) {
      const room = yield* roomOf(claims.room)
      const info = yield* participantInfo(claims)
      const isSubscriberPrimary = !parameters.isSingle && parameters.protocol >= 3 && claims.canSubscribe
      const { identity } = claims
      const scope = yield* Scope.fork(serverScope)
      const session: Session = {
        scope,
        sender: senderOf(claims, info),
        participant: yield* Participant.make({
          info,
          claims,
          protocol: parameters.protocol,
          isSingle: parameters.isSingle,
          isSubscriberPrimary,
          autoSubscribe: parameters.autoSubscribe,
          trackSid: sid("TR"),
          onData: (kind, bytes) => {
            options.onPacket?.(identity, kind, bytes)
            forward(room, session, kind, bytes)
          },
          onChange: Effect.sync(() => room.announce(info)),
          onOwnChange: Effect.suspend(() => {
            room.announceNow(info)
            return options.onOwnChange(session.participant)
          }),
          onTracks: Effect.sync(() => room.forwardTracks()),
          onQuality: (isConnected) => room.tellConnected(info, isConnected),
          onEnd: (reason) => close(room, session, reason)
        }).pipe(
          Effect.provideService(PeerConnectionFactory, factory),
          Scope.provide(scope),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
      }
      const others = room.participants()
      // Set again, because a room goes when its last session does.
      rooms.set(claims.room, room)
      room.add(session)
      return { room, session, others, isSubscriberPrimary }
    }),
    enter: Effect.fnUntraced(function* (claims, onData) {
      const room = yield* roomOf(claims.room)
      const info = yield* participantInfo(claims)
      info.state = ParticipantInfo_State.ACTIVE
      const session: Session = {
        scope: yield* Scope.fork(serverScope),
        sender: senderOf(claims, info),
        participant: ScriptedParticipant.make({ info, claims, onData, onEnd: (reason) => close(room, session, reason) })
      }
      rooms.set(claims.room, room)
      room.add(session)
      room.announce(info)
      return {
        info,
        isPresent: () => rooms.get(claims.room) === room && room.sessions.get(info.identity) === session,
        others: () => room.participants().filter(({ sid }) => sid !== info.sid),
        send: (kind, bytes) => forward(room, session, kind, bytes),
        announce: () => room.announce(info),
        leave: (reason) => session.participant.end("silently", reason)
      }
    }),
    clear: () => rooms.clear()
  }
})

const senderOf = ({ canPublishData, identity, isAgent }: Claims, { sid }: ParticipantInfo): SenderState => ({
  sid,
  identity,
  canPublishData,
  isAgent,
  lastSequence: 0
})

const seconds = (millis: number) => BigInt(Math.floor(millis / 1000))

const sid = (prefix: string) =>
  Effect.map(
    Effect.all(Array.from({ length: 10 }, () => Random.nextIntBetween(0, 36))),
    (digits) => `${prefix}_${digits.map((digit) => digit.toString(36)).join("")}`
  )
