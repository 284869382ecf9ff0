/**
 * A LiveKit-compatible room server without sockets and without HTTP: who is in which room, who is let in, who takes a session up
 * again, and what is forwarded to whom. The dev server gives it real sockets; tests give it sockets in memory.
 */
import {
  DisconnectReason,
  JoinResponse,
  LeaveRequest_Action,
  ParticipantInfo_State,
  ParticipantUpdate,
  ReconnectResponse,
  RoomUpdate,
  ServerInfo
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import * as Claims from "./Claims.ts"
import { type Faults, makeDialTroubles } from "./Faults.ts"
import * as JoinParameters from "./JoinParameters.ts"
import { leaveRequest } from "./leaveRequest.ts"
import { isMetadataTooLarge } from "./ownMetadata.ts"
import type * as Participant from "./Participant.ts"
import { Refusal } from "./Refusal.ts"
import type { Forwarded } from "./Room.ts"
import * as Quality from "./Quality.ts"
import * as Rooms from "./Rooms.ts"
import type * as ScriptedParticipant from "./ScriptedParticipant.ts"
import * as SignalFormat from "./SignalFormat.ts"
import type { SignalSocket } from "./SignalSocket.ts"
import * as Speakers from "./Speakers.ts"
import { TokenVerifier } from "./TokenVerifier.ts"

/**
 * @category models
 */
export interface RoomServerOptions {
  /** Seconds; a LiveKit server has 5 (W5). */
  readonly pingInterval: number
  /** Seconds; a LiveKit server has 15. */
  readonly pingTimeout: number
  /** Milliseconds for which changes of participants are collected before others hear of them (J8); 0 tells them at once. */
  readonly updateInterval: number
  readonly gunzip: JoinParameters.Gunzip
  /** Hears every data packet of a client as it comes, before anything is done with it. */
  readonly onPacket?: Rooms.OnPacket | undefined
  /** Hears of every data packet that a room has accepted. */
  readonly onForwarded?: ((forwarded: Forwarded) => void) | undefined
}

/**
 * A dial that may come in.
 *
 * @category models
 */
export interface Admission {
  readonly claims: Claims.Claims
  readonly parameters: JoinParameters.JoinParameters
  /** Its socket is to be held open and nothing else. */
  readonly isSilent: boolean
  /** The session that is taken up has forgotten what came after this sequence. */
  readonly lastMessageSeq?: number | undefined
}

/**
 * @category models
 */
export interface RoomServer {
  /** What the token of a request grants; `undefined` when it has none. Any request fails that has a bad one. */
  readonly authenticate: (request: JoinParameters.DialRequest) => Effect.Effect<Claims.Claims | undefined, Refusal>
  /** What the `validate` routes answer. */
  readonly validate: (
    request: JoinParameters.DialRequest,
    claims: Claims.Claims | undefined
  ) => Effect.Effect<void, Refusal>
  /** Whether a dial is upgraded. */
  readonly admit: (
    request: JoinParameters.DialRequest,
    claims: Claims.Claims | undefined
  ) => Effect.Effect<Admission, Refusal>
  /** Serves an upgraded socket; returns when the client has been told how it begins. */
  readonly accept: (admission: Admission, socket: SignalSocket) => Effect.Effect<void>
  /** Lets somebody into a room who has no client: what others send is handed to `onData`, what it says is said by `send`. */
  readonly enter: (
    claims: Claims.Claims,
    onData: ScriptedParticipant.OnData
  ) => Effect.Effect<ScriptedParticipant.Entered>
  readonly faults: Faults
  /** Identities in a room. */
  readonly participants: (room: string) => Effect.Effect<ReadonlyArray<string>>
}

const version = "1.13.5"

const serverInfo = new ServerInfo({ version, protocol: 17, region: "local", nodeId: "dev-server" })

/** J9. */
const tokenRefreshInterval = "5 minutes"

/** From this protocol version on a client hears after a resume of those who left meanwhile (Q2). */
const protocolWithDepartures = 9

/**
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  options: RoomServerOptions
): Effect.fn.Return<RoomServer, never, Scope.Scope | PeerConnectionFactory | TokenVerifier> {
  const verifier = yield* TokenVerifier
  const isBatching = options.updateInterval > 0
  const sendToken = ({ claims, info, signal }: Participant.Participant) => {
    const { attributes, metadata, name } = info
    return Effect.map(verifier.issue({ ...claims, attributes, metadata, name }), (value) =>
      signal.send({ case: "refreshToken", value })
    )
  }
  const rooms = yield* Rooms.make({
    isBatching,
    onOwnChange: sendToken,
    onPacket: options.onPacket,
    onForwarded: options.onForwarded
  })
  // Sockets are served one after the other, so that of two dials of one identity the second finds the first.
  const turn = yield* Semaphore.make(1)
  const refusedResumes = new Set<string>()
  const silent = new Set<SignalSocket>()
  const troubles = makeDialTroubles()

  const endBefore = (claims: Claims.Claims) =>
    rooms.session(claims.room, claims.identity)?.participant.end("disconnect", DisconnectReason.DUPLICATE_IDENTITY) ??
    Effect.void

  const join = Effect.fnUntraced(function* (admission: Admission, socket: SignalSocket) {
    const { claims, parameters } = admission
    yield* endBefore(claims)
    const { isSubscriberPrimary, others, room, session } = yield* rooms.open(claims, parameters)
    const { participant } = session
    participant.signal.attach(socket)
    participant.signal.send({
      case: "join",
      value: new JoinResponse({
        room: room.info,
        participant: participant.info,
        otherParticipants: [...others],
        serverVersion: version,
        serverInfo,
        serverRegion: serverInfo.region,
        subscriberPrimary: isSubscriberPrimary,
        fastPublish: claims.canPublish,
        pingInterval: options.pingInterval,
        pingTimeout: options.pingTimeout
      })
    })
    yield* Effect.forkIn(participant.receive(socket), session.scope)
    yield* sendToken(participant)
    yield* sendToken(participant).pipe(
      Effect.schedule(Schedule.spaced(tokenRefreshInterval)),
      Effect.forkIn(session.scope)
    )
    participant.info.state = ParticipantInfo_State.JOINED
    room.announce(participant.info)
    yield* participant.start(parameters)
  })

  const resume = Effect.fnUntraced(function* ({ claims, lastMessageSeq, parameters }: Admission, socket: SignalSocket) {
    const room = rooms.get(claims.room)
    const session = room?.sessions.get(claims.identity)
    const isRefused = refusedResumes.delete(claims.identity) || session?.participant.canResume() !== true
    if (room === undefined || session === undefined || isRefused) {
      const leave = leaveRequest(parameters.protocol, "reconnect", DisconnectReason.STATE_MISMATCH)
      socket.send(SignalFormat.encode("protobuf", { case: "leave", value: leave }))
      socket.close(1000)
      return yield* session?.participant.end("told", DisconnectReason.STATE_MISMATCH) ?? Effect.void
    }
    const { participant, sender } = session
    const { send } = participant.signal
    if (lastMessageSeq !== undefined) sender.lastSequence = lastMessageSeq
    const cutOffAt = participant.lastHeardAt()
    participant.signal.attach(socket)
    send({ case: "reconnect", value: new ReconnectResponse({ serverInfo, lastMessageSeq: sender.lastSequence }) })
    const left = participant.protocol >= protocolWithDepartures ? room.departedSince(cutOffAt) : []
    for (const participants of [left, room.participants()]) {
      if (participants.length > 0) send({ case: "update", value: new ParticipantUpdate({ participants }) })
    }
    send({ case: "roomUpdate", value: new RoomUpdate({ room: room.info }) })
    yield* Effect.forkIn(participant.receive(socket), session.scope)
    yield* sendToken(participant)
    yield* participant.restartIce
    if (participant.takeResumeTrouble("close")) participant.signal.close()
  })

  const hold = (socket: SignalSocket) => Effect.sync(() => void silent.add(socket))

  const parse = Effect.fnUntraced(function* (
    request: JoinParameters.DialRequest,
    claims: Claims.Claims | undefined,
    isStrict: boolean
  ) {
    if (claims === undefined) return yield* Claims.noPermission
    const parameters = yield* JoinParameters.parse(request, { isStrict, gunzip: options.gunzip })
    return { claims: yield* Effect.fromResult(Claims.admit(claims, parameters)), parameters }
  })

  const withParticipant = (identity: string, act: (participant: Participant.Participant) => Effect.Effect<void>) =>
    Effect.suspend(() => Effect.forEach(rooms.find(identity), ({ participant }) => act(participant), { discard: true }))
  const withSignal = (identity: string, act: (signal: Participant.Participant["signal"]) => void) =>
    withParticipant(identity, ({ signal }) => Effect.sync(() => act(signal)))

  if (isBatching) {
    yield* Effect.sync(() => {
      for (const room of rooms.all()) room.tellChanges()
    }).pipe(Effect.schedule(Schedule.spaced(options.updateInterval)), Effect.forkScoped)
  }
  for (const [look, interval] of [
    ["listen", Speakers.interval],
    ["measure", Quality.interval]
  ] as const) {
    yield* Effect.suspend(() => Effect.forEach(rooms.all(), (room) => room[look], { discard: true })).pipe(
      Effect.schedule(Schedule.spaced(interval)),
      Effect.forkScoped
    )
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const socket of silent) socket.destroy()
      for (const { sessions } of rooms.all()) {
        for (const { participant } of sessions.values()) participant.signal.socket()?.destroy()
      }
      rooms.clear()
    })
  )

  return {
    authenticate: Effect.fnUntraced(function* (request) {
      const token = yield* Effect.fromResult(Claims.tokenOf(request))
      return token === undefined ? undefined : yield* verifier.verify(token)
    }),
    validate: Effect.fnUntraced(function* (request, claims) {
      yield* troubles.onValidate
      yield* parse(request, claims, true)
    }),
    admit: Effect.fnUntraced(function* (request, claims) {
      const { isSilent } = yield* troubles.onDial
      const admitted = yield* parse(request, claims, false)
      const session = rooms.session(admitted.claims.room, admitted.claims.identity)
      const cannotStart = admitted.parameters.isResume
        ? session?.participant.takeResumeTrouble("refuse") === true
        : isMetadataTooLarge(admitted.claims.metadata)
      if (cannotStart) return yield* new Refusal({ status: 500, body: "connection closed by media" })
      return { ...admitted, isSilent }
    }),
    accept: (admission, socket) =>
      admission.isSilent
        ? hold(socket)
        : turn.withPermit(admission.parameters.isResume ? resume(admission, socket) : join(admission, socket)).pipe(
            Effect.catch((error) => Effect.andThen(Effect.logError(error.message), Effect.sync(socket.destroy))),
            Effect.uninterruptible
          ),
    enter: (claims, onData) => turn.withPermit(Effect.andThen(endBefore(claims), rooms.enter(claims, onData))),
    faults: {
      ...troubles,
      dropSignal: (identity) => withSignal(identity, (signal) => signal.socket()?.destroy()),
      closeSignal: (identity, code) => withSignal(identity, (signal) => signal.socket()?.close(code)),
      stallSignal: (identity) => withSignal(identity, (signal) => signal.stall()),
      sendRawData: (identity, kind, bytes) =>
        withParticipant(identity, (participant) => Effect.sync(() => participant.sendData(kind, bytes))),
      closeChannel: (identity, kind) =>
        withParticipant(identity, (participant) => Effect.sync(() => participant.closeChannel(kind))),
      sendRaw: (identity, frame) => withSignal(identity, (signal) => signal.socket()?.send(frame)),
      refuseNextResume: (identity) => Effect.sync(() => void refusedResumes.add(identity)),
      leave: (identity, leave) =>
        withParticipant(identity, (participant) => {
          participant.signal.send({ case: "leave", value: leave })
          participant.signal.close()
          return leave.action === LeaveRequest_Action.RESUME ? Effect.void : participant.end("told", leave.reason)
        }),
      refreshToken: (identity) => withParticipant(identity, sendToken)
    },
    participants: (room) => Effect.sync(() => [...(rooms.get(room)?.sessions.keys() ?? [])])
  }
})
