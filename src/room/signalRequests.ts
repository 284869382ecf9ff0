/**
 * What a server does with each request of a participant.
 */
import {
  DisconnectReason,
  type ParticipantInfo,
  Pong,
  RequestResponse_Reason,
  type SignalRequest,
  type SignalResponse,
  type SubscriptionPermission,
  type UpdateParticipantMetadata
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as trickle from "../internal/trickle.ts"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { Claims } from "./Claims.ts"
import * as ownMetadata from "./ownMetadata.ts"
import type { Goodbye } from "./Participant.ts"
import type { Publishing } from "./Publishing.ts"
import * as requests from "./requests.ts"
import { type ResumeTrouble, simulationOf } from "./Simulation.ts"
import * as Subscriptions from "./Subscriptions.ts"
import type { Transports } from "./Transports.ts"

/** From this protocol version on a client is told of success too (M1). */
const protocolWithConsent = 15

export const make = (options: {
  readonly info: ParticipantInfo
  readonly claims: Claims
  readonly protocol: number
  readonly send: (message: SignalResponse["message"]) => void
  readonly transports: Transports
  readonly publishing: Publishing
  readonly chooser: Subscriptions.Chooser
  readonly now: () => number
  /** A description that cannot be used ends the session with a request to start over (Q9). */
  readonly orStartOver: (effect: Effect.Effect<void, PeerConnectionError>) => Effect.Effect<void>
  readonly end: (next: Goodbye, reason: DisconnectReason) => Effect.Effect<void>
  /** Who may receive its tracks. */
  readonly permit: (permission: SubscriptionPermission) => void
  /** The next resume is to have this trouble. */
  readonly arm: (how: ResumeTrouble) => void
  readonly onTracks: Effect.Effect<void>
  readonly onOwnChange: Effect.Effect<void>
}) => {
  const { chooser, end, info, onTracks, orStartOver, publishing, send, transports } = options
  const reply = (response: SignalResponse["message"]) => Effect.sync(() => send(response))
  const updateMetadata = Effect.fnUntraced(function* (request: UpdateParticipantMetadata) {
    const value = ownMetadata.answer(options.claims.canUpdateOwnMetadata, request)
    const isOk = value.reason === RequestResponse_Reason.OK
    for (const change of isOk ? ownMetadata.changes(info, request) : []) {
      Object.assign(info, change)
      yield* options.onOwnChange
    }
    if (!isOk || options.protocol >= protocolWithConsent) send({ case: "requestResponse", value })
  })

  return (message: SignalRequest["message"]): Effect.Effect<void> => {
    switch (message.case) {
      case "ping":
        return reply({ case: "pong", value: BigInt(options.now()) })
      case "pingReq": {
        const value = new Pong({ lastPingTimestamp: message.value.timestamp, timestamp: BigInt(options.now()) })
        return reply({ case: "pongResp", value })
      }
      case "offer":
        return orStartOver(transports.answer(message.value.sdp, message.value.id))
      case "answer":
        return orStartOver(transports.takeAnswer(message.value.sdp, message.value.id))
      case "trickle": {
        const candidate = trickle.decode(message.value)
        const target = message.value.target === 1 ? "subscriber" : "publisher"
        return candidate === undefined
          ? reply({ case: "requestResponse", value: requests.badCandidate(message.value) })
          : transports.addCandidate(target, candidate)
      }
      case "leave":
        return end("disconnect", DisconnectReason.CLIENT_INITIATED)
      case "addTrack":
        return publishing.add(message.value)
      case "mute":
        return publishing.mute(message.value)
      case "updateMetadata":
        return updateMetadata(message.value)
      case "syncState": {
        if (!publishing.knowsAll(message.value)) return end("reconnect", DisconnectReason.STATE_MISMATCH)
        for (const sid of message.value.trackSidsDisabled) chooser.disabled.add(sid)
        if (message.value.subscription !== undefined) Subscriptions.choose(chooser, message.value.subscription)
        return onTracks
      }
      case "subscription":
        Subscriptions.choose(chooser, message.value)
        return onTracks
      case "trackSetting":
        Subscriptions.setUp(chooser, message.value)
        return onTracks
      case "subscriptionPermission":
        options.permit(message.value)
        return onTracks
      case "simulate": {
        const simulation = simulationOf(message.value)
        if (simulation?._tag === "End") {
          return end(simulation.withLeave ? "disconnect" : "silently", simulation.reason)
        }
        if (simulation !== undefined) options.arm(simulation.how)
        return Effect.void
      }
      default:
        return Effect.void
    }
  }
}
