/**
 * A LiveKit-compatible room server without sockets and without HTTP: who is in which room, who is let in, who takes a session up
 * again, and what is forwarded to whom. The dev server gives it real sockets; tests give it sockets in memory.
 */
import {
  DisconnectReason,
  JoinResponse,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo,
  ParticipantInfo_State,
  ParticipantPermission,
  ParticipantUpdate,
  ReconnectResponse,
  Room as RoomInfo,
  RoomUpdate,
  ServerInfo,
  SignalResponse
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import * as JoinParameters from "./JoinParameters.ts"
import * as Participant from "./Participant.ts"
import type { Refusal } from "./Refusal.ts"
import type { SignalSocket } from "./SignalSocket.ts"
import { type Claims, TokenVerifier } from "./TokenVerifier.ts"

/**
 * @category models
 */
export interface RoomServerOptions {
  /** Seconds; default 5 (W5). */
  readonly pingInterval: number
  /** Seconds; default 15. */
  readonly pingTimeout: number
  readonly gunzip: (bytes: Uint8Array) => Effect.Effect<Uint8Array, unknown>
}

/**
 * A dial that may come in.
 *
 * @category models
 */
export interface Admission {
  readonly claims: Claims
  readonly parameters: JoinParameters.JoinParameters
}

/**
 * Troubles to be caused from code. An identity that is in no room is ignored.
 *
 * @category models
 */
export interface Faults {
  /** Ends the signal connection without a close frame; the media path stays. */
  readonly dropSignal: (identity: string) => Effect.Effect<void>
  /** Reads nothing and says nothing on the signal connection, and leaves it open. */
  readonly stallSignal: (identity: string) => Effect.Effect<void>
  /** The next resume of this participant is answered with a leave (Q3). */
  readonly refuseNextResume: (identity: string) => Effect.Effect<void>
  /** Sends a leave and closes the signal connection. */
  readonly leave: (identity: string, leave: LeaveRequest) => Effect.Effect<void>
  /** Sends a fresh token. */
  readonly refreshToken: (identity: string) => Effect.Effect<void>
}

/**
 * @category models
 */
export interface RoomServer {
  /** What the `validate` routes answer, and whether a dial is upgraded. */
  readonly admit: (request: JoinParameters.DialRequest) => Effect.Effect<Admission, Refusal>
  /** Serves an upgraded socket; returns at once. */
  readonly accept: (admission: Admission, socket: SignalSocket) => Effect.Effect<void>
  readonly faults: Faults
  /** Identities in a room. */
  readonly participants: (room: string) => Effect.Effect<ReadonlyArray<string>>
}

interface Session {
  readonly participant: Participant.Participant
  readonly scope: Scope.Closeable
}

interface Room {
  readonly info: RoomInfo
  readonly sessions: Map<string, Session>
}

const version = "1.13.5"

const serverInfo = new ServerInfo({ version, protocol: 17, region: "local", nodeId: "dev-server" })

/**
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  options: RoomServerOptions
): Effect.fn.Return<RoomServer, never, Scope.Scope | PeerConnectionFactory | TokenVerifier> {
  const factory = yield* PeerConnectionFactory
  const verifier = yield* TokenVerifier
  const serverScope = yield* Effect.scope
  const rooms = new Map<string, Room>()
  const refusedResumes = new Set<string>()

  const sid = (prefix: string) =>
    Effect.map(
      Effect.all(Array.from({ length: 10 }, () => Random.nextIntBetween(0, 36))),
      (digits) => `${prefix}_${digits.map((digit) => digit.toString(36)).join("")}`
    )
  const roomOf = Effect.fnUntraced(function* (name: string) {
    const existing = rooms.get(name)
    if (existing !== undefined) return existing
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const info = new RoomInfo({ name, sid: yield* sid("RM"), creationTime: BigInt(Math.floor(now / 1000)) })
    const room: Room = { info, sessions: new Map() }
    rooms.set(name, room)
    return room
  })
  const find = (identity: string) =>
    [...rooms.values()].flatMap(({ sessions }) => {
      const session = sessions.get(identity)
      return session === undefined ? [] : [session]
    })

  /** Tells everybody in the room how somebody is now (J8). */
  const announce = (room: Room, info: ParticipantInfo) => {
    info.version++
    const update = new ParticipantUpdate({ participants: [info] })
    for (const { participant } of room.sessions.values()) participant.send({ case: "update", value: update })
  }
  const remove = (room: Room, session: Session, reason: DisconnectReason) =>
    Effect.gen(function* () {
      const { info } = session.participant
      if (room.sessions.get(info.identity) === session) room.sessions.delete(info.identity)
      info.state = ParticipantInfo_State.DISCONNECTED
      info.disconnectReason = reason
      announce(room, info)
      room.info.numParticipants = room.sessions.size
      if (room.sessions.size === 0) rooms.delete(room.info.name)
      // The session's own fiber may be the one that ends it, so its scope is closed from outside.
      yield* Effect.forkIn(Scope.close(session.scope, Exit.void), serverScope)
    })
  const refuse = (socket: SignalSocket, leave: LeaveRequest) => {
    socket.send(new SignalResponse({ message: { case: "leave", value: leave } }).toBinary())
    socket.close(1000)
  }
  const sendToken = (participant: Participant.Participant) =>
    Effect.map(verifier.issue(participant.claims), (value) => participant.send({ case: "refreshToken", value }))

  const join = Effect.fnUntraced(function* ({ claims, parameters }: Admission, socket: SignalSocket) {
    const room = yield* roomOf(claims.room)
    const before = room.sessions.get(claims.identity)
    if (before !== undefined) {
      before.participant.leave(new LeaveRequest({ reason: DisconnectReason.DUPLICATE_IDENTITY }))
      yield* remove(room, before, DisconnectReason.DUPLICATE_IDENTITY)
      rooms.set(claims.room, room)
    }
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const info = new ParticipantInfo({
      sid: yield* sid("PA"),
      identity: claims.identity,
      name: claims.name,
      metadata: claims.metadata,
      attributes: { ...claims.attributes },
      state: ParticipantInfo_State.JOINED,
      joinedAt: BigInt(Math.floor(now / 1000)),
      isPublisher: claims.canPublish,
      permission: new ParticipantPermission({
        canPublish: claims.canPublish,
        canSubscribe: claims.canSubscribe,
        canPublishData: claims.canPublishData
      })
    })
    const isSubscriberPrimary = !parameters.isSingle && parameters.protocol >= 3 && claims.canSubscribe
    const scope = yield* Scope.fork(serverScope)
    const session: Session = {
      scope,
      participant: yield* Participant.make({
        info,
        claims,
        isSingle: parameters.isSingle,
        isSubscriberPrimary,
        trackSid: sid("TR"),
        onData: (kind, bytes, isFor) => {
          for (const [identity, other] of room.sessions) {
            if (other !== session && isFor(identity)) other.participant.sendData(kind, bytes)
          }
        },
        onChange: Effect.sync(() => announce(room, info)),
        onEnd: (reason) => remove(room, session, reason)
      }).pipe(Effect.provideService(PeerConnectionFactory, factory), Scope.provide(scope))
    }
    const { participant } = session
    const others = [...room.sessions.values()].map((other) => other.participant.info)
    room.sessions.set(claims.identity, session)
    room.info.numParticipants = room.sessions.size
    yield* participant.attach(socket)
    participant.send({
      case: "join",
      value: new JoinResponse({
        room: room.info,
        participant: info,
        otherParticipants: others,
        serverVersion: version,
        serverInfo,
        serverRegion: serverInfo.region,
        subscriberPrimary: isSubscriberPrimary,
        fastPublish: claims.canPublish,
        pingInterval: options.pingInterval,
        pingTimeout: options.pingTimeout
      })
    })
    yield* Effect.forkIn(participant.receive(socket), scope)
    yield* sendToken(participant)
    announce(room, info)
    yield* participant.start(parameters.publisherOffer)
  })

  const resume = Effect.fnUntraced(function* ({ claims }: Admission, socket: SignalSocket) {
    const room = rooms.get(claims.room)
    const session = room?.sessions.get(claims.identity)
    if (room === undefined || session === undefined || refusedResumes.delete(claims.identity)) {
      refuse(
        socket,
        new LeaveRequest({ reason: DisconnectReason.STATE_MISMATCH, action: LeaveRequest_Action.RECONNECT })
      )
      return session === undefined || room === undefined
        ? undefined
        : yield* remove(room, session, DisconnectReason.STATE_MISMATCH)
    }
    const { participant } = session
    yield* participant.attach(socket)
    participant.send({
      case: "reconnect",
      value: new ReconnectResponse({ serverInfo, lastMessageSeq: participant.sender.lastSequence })
    })
    const everybody = [...room.sessions.values()].map((other) => other.participant.info)
    participant.send({ case: "update", value: new ParticipantUpdate({ participants: everybody }) })
    participant.send({ case: "roomUpdate", value: new RoomUpdate({ room: room.info }) })
    yield* Effect.forkIn(participant.receive(socket), session.scope)
    yield* sendToken(participant)
    yield* participant.restartIce
  })

  const withParticipant = (act: (participant: Participant.Participant) => void) => (identity: string) =>
    Effect.sync(() => {
      for (const { participant } of find(identity)) act(participant)
    })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const { sessions } of rooms.values()) {
        for (const { participant } of sessions.values()) participant.socket()?.destroy()
      }
      rooms.clear()
    })
  )

  return {
    admit: Effect.fnUntraced(function* (request) {
      const token = yield* Effect.fromResult(JoinParameters.tokenOf(request))
      const claims = yield* Effect.fromResult(JoinParameters.admit(yield* verifier.verify(token)))
      return { claims, parameters: yield* JoinParameters.parse(request, options.gunzip) }
    }),
    accept: (admission, socket) =>
      (admission.parameters.isResume ? resume(admission, socket) : join(admission, socket)).pipe(
        Effect.catch((error) => Effect.andThen(Effect.logError(error.message), Effect.sync(socket.destroy)))
      ),
    faults: {
      dropSignal: withParticipant((participant) => participant.socket()?.destroy()),
      stallSignal: withParticipant((participant) => participant.setStalled(true)),
      refuseNextResume: (identity) => Effect.sync(() => void refusedResumes.add(identity)),
      leave: (identity, leave) => withParticipant((participant) => participant.leave(leave))(identity),
      refreshToken: (identity) =>
        Effect.forEach(find(identity), ({ participant }) => sendToken(participant), { discard: true })
    },
    participants: (room) => Effect.sync(() => [...(rooms.get(room)?.sessions.keys() ?? [])])
  }
})
