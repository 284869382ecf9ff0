/**
 * What the engine does with each message of the server, one after the other in the order they came (S141-S152).
 */
import { SessionDescription, SignalTarget } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import type { PeerConnectionError, Target } from "../PeerConnectionError.ts"
import type { Incoming } from "../SignalConnection.ts"
import type { SignalRequestQueue } from "../SignalRequestQueue.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { SessionMedia } from "./SessionMedia.ts"
import * as trickle from "./trickle.ts"

export const handle = (
  core: EngineCore,
  media: SessionMedia,
  requests: SignalRequestQueue,
  incoming: Incoming
): Effect.Effect<void> => {
  if (incoming._tag === "Malformed") {
    return Effect.sync(() => core.emit({ _tag: "MalformedSignal", size: incoming.size, cause: incoming.cause }))
  }
  const { message } = incoming
  const emit = (event: Parameters<EngineCore["emit"]>[0]) => Effect.sync(() => core.emit(event))
  const failed = (target: Target) => (error: PeerConnectionError) =>
    Effect.sync(() => core.report({ _tag: "PeerConnectionError", target, reason: error.reason }))

  switch (message.case) {
    case "answer": {
      const { id, midToTrackId, sdp } = message.value
      media.remote.setMids(midToTrackId)
      return media.publisher.acceptAnswer(sdp, id).pipe(Effect.catch(failed("publisher")), Effect.asVoid)
    }
    case "offer": {
      const { id, midToTrackId, sdp } = message.value
      if (media.subscriber === undefined) return Effect.logDebug("an offer came and there is no subscriber")
      media.remote.setMids(midToTrackId)
      return media.subscriber.acceptOffer(sdp).pipe(
        Effect.flatMap((answer) =>
          // Lost only with the connection, and then the server offers again.
          Effect.ignore(
            requests.send({ case: "answer", value: new SessionDescription({ type: "answer", sdp: answer.sdp, id }) })
          )
        ),
        Effect.catch(failed("subscriber"))
      )
    }
    case "trickle": {
      const candidate = trickle.decode(message.value)
      const { target } = message.value
      const peer =
        target === SignalTarget.PUBLISHER
          ? media.publisher
          : target === SignalTarget.SUBSCRIBER
            ? media.subscriber
            : undefined
      return candidate === undefined || peer === undefined
        ? Effect.logDebug("ignored a candidate that has no use here")
        : peer.addIceCandidate(candidate)
    }
    case "mediaSectionsRequirement":
      return media.onSectionsRequired(message.value)
    case "leave":
      media.abortSent()
      return Effect.sync(() => core.report({ _tag: "Leave", leave: message.value }))
    case "refreshToken":
      return isToken(message.value)
        ? Effect.andThen(Ref.set(core.token, Redacted.make(message.value)), emit({ _tag: "TokenRefreshed" }))
        : Effect.logDebug("ignored a new token that is none")
    case "roomMoved": {
      const { otherParticipants, participant, token } = message.value
      const value = message.value.clone()
      value.token = ""
      return Effect.gen(function* () {
        if (isToken(token)) yield* Ref.set(core.token, Redacted.make(token))
        // A resume is asked for by the session that the participant has now.
        if (participant !== undefined) yield* Ref.set(core.participant, Option.some(participant))
        core.emit({ _tag: "OtherMessage", message: { case: "roomMoved", value } })
        // Those of the room that was left stay there, and nobody waits for them.
        const participants = [...core.others.begin(otherParticipants), ...otherParticipants]
        core.others.giveUp()
        media.remote.learn(participants)
        if (participants.length > 0) core.emit({ _tag: "ParticipantsUpdated", participants })
      })
    }
    case "update": {
      const { participants } = message.value
      media.remote.learn(participants)
      const learnSelf = Ref.update(core.participant, (own) =>
        Option.map(own, (before) => {
          const self = participants.find(({ sid }) => sid === before.sid)
          if (self !== undefined) media.onOwnTracks(self.tracks)
          return self ?? before
        })
      )
      const learnOthers = Effect.flatMap(Ref.get(core.participant), (own) =>
        Effect.sync(() =>
          core.others.update(participants.filter(({ sid }) => Option.isNone(own) || sid !== own.value.sid))
        )
      )
      return Effect.andThen(Effect.andThen(learnSelf, learnOthers), emit({ _tag: "ParticipantsUpdated", participants }))
    }
    case "roomUpdate":
      return message.value.room === undefined ? Effect.void : emit({ _tag: "RoomUpdated", room: message.value.room })
    case "mute":
      media.setMuted(message.value.sid, message.value.muted)
      return emit({ _tag: "RemoteMuteChanged", update: message.value })
    case "speakersChanged":
      return emit({ _tag: "SpeakersChanged", update: message.value })
    case "connectionQuality":
      return emit({ _tag: "ConnectionQualityUpdated", update: message.value })
    case "streamStateUpdate":
      return emit({ _tag: "StreamStateUpdated", update: message.value })
    case "subscribedQualityUpdate":
      // Servers of before said it wrongly (SC31).
      return media.hasSubscribedQuality
        ? emit({ _tag: "SubscribedQualityUpdated", update: message.value })
        : Effect.void
    case "subscriptionPermissionUpdate":
      return emit({ _tag: "SubscriptionPermissionUpdated", update: message.value })
    case "subscriptionResponse":
      return emit({ _tag: "SubscriptionAnswered", response: message.value })
    case "trackPublished":
      media.onTrackPublished(message.value)
      return emit({ _tag: "LocalTrackPublished", response: message.value })
    case "trackUnpublished":
      media.onTrackUnpublished(message.value)
      return emit({ _tag: "LocalTrackUnpublished", response: message.value })
    case "trackSubscribed":
      return emit({ _tag: "LocalTrackSubscribed", update: message.value })
    case "requestResponse":
      media.onRequestAnswered(message.value)
      return emit({ _tag: "RequestAnswered", response: message.value })
    // Answered where they arrive, or without meaning once a connection is established (SC32).
    case "join":
    case "reconnect":
    case "pong":
    case "pongResp":
      return Effect.void
    default:
      return emit({ _tag: "OtherMessage", message })
  }
}

/** Whether it has the form of a bearer token (RFC 6750): what has not would be refused, and the one before may still be good. */
const isToken = (text: string) => /^[\w.~+/-]+=*$/.test(text)
