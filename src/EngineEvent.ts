/**
 * What an engine tells its users, as one tagged union. Every callback of the reference engine's listener is a case here, but
 * for data packets, which come through `packets`.
 *
 * Order (section 1.17 of the reference): a first join is `Joined`, `SignalConnected`, `Connected`; a resume is `Resuming`,
 * `SignalConnected`, `Resumed`, `PostReconnect`; a full reconnect is `Reconnecting`, `FullReconnecting`, `Joined`,
 * `SignalConnected`, `Reconnected`, `PostReconnect`; giving up is one `Disconnected`.
 */
import type {
  ActiveSpeakerUpdate,
  ConnectionQualityUpdate,
  DataPacket,
  DisconnectReason,
  JoinResponse,
  MuteTrackRequest,
  ParticipantInfo,
  RequestResponse,
  Room,
  SignalResponse,
  SpeakersChanged,
  StreamStateUpdate,
  SubscribedQualityUpdate,
  SubscriptionPermissionUpdate,
  SubscriptionResponse,
  TrackInfo,
  TrackPublishedResponse,
  TrackSubscribed,
  TrackUnpublishedResponse
} from "@livekit/protocol"
import type { Kind } from "./DataChannel.ts"
import type { DisconnectCause } from "./DisconnectCause.ts"
import type { EngineError } from "./EngineError.ts"
import type { RemoteTrack } from "./RemoteTrack.ts"
import type { SignalPath } from "./SignalUrl.ts"

/**
 * Why the engine says that it is connected.
 *
 * @category models
 */
export interface Evidence {
  readonly path: SignalPath
  /** The peer connections that were needed and are connected. */
  readonly connected: ReadonlyArray<"publisher" | "subscriber">
  /** The channels of ours that are open. */
  readonly open: ReadonlyArray<string>
  /** The far end's channels that are open, where it has its own (`/rtc`). */
  readonly inbound: ReadonlyArray<string>
  /** After a resume: the peer connections whose far end has answered since. A state alone may be half a minute old. */
  readonly answered: ReadonlyArray<Answered>
}

/**
 * The far end answered over a peer connection.
 *
 * @category models
 */
export interface Answered {
  readonly target: "publisher" | "subscriber"
  /** Milliseconds from the question to the answer. */
  readonly millis: number
}

/**
 * What happens to an engine, told in the order in which it happens.
 *
 * @category models
 */
export type EngineEvent =
  | { readonly _tag: "Joined"; readonly response: JoinResponse }
  | { readonly _tag: "SignalConnected"; readonly isResume: boolean }
  | { readonly _tag: "Connected"; readonly evidence: Evidence }
  | { readonly _tag: "Resuming"; readonly cause: DisconnectCause }
  | {
      readonly _tag: "Resumed"
      readonly evidence: Evidence
      /** Reliable packets sent again because the server had not seen them. */
      readonly replayed: number
      readonly attempts: number
    }
  | { readonly _tag: "Reconnecting"; readonly cause: DisconnectCause }
  | { readonly _tag: "FullReconnecting"; readonly attempt: number }
  | { readonly _tag: "Reconnected"; readonly evidence: Evidence; readonly attempts: number }
  | { readonly _tag: "PostReconnect"; readonly isFullReconnect: boolean }
  /** `connect` failed; it says so itself too. */
  | { readonly _tag: "FailedToConnect"; readonly error: EngineError }
  /** The only terminal event; once per connection. `error` is absent when the application disconnected. */
  | {
      readonly _tag: "Disconnected"
      readonly reason: DisconnectReason
      readonly error: EngineError | undefined
    }
  /**
   * Reliable packets that were handed to a session which was lost, and may or may not have arrived: their sequences in it, and
   * what they are, oldest first. `resent` says whether they were sent again; what the application sends again is new to
   * receivers.
   */
  | {
      readonly _tag: "InDoubt"
      readonly sequences: ReadonlyArray<number>
      readonly packets: ReadonlyArray<DataPacket>
      readonly resent: boolean
    }
  /**
   * Comes before `Disconnected` if reliable packets were accepted and then not sent, oldest first. After a connection that was
   * lost, `inDoubt` are those that were handed to it and may not have arrived.
   */
  | {
      readonly _tag: "Undelivered"
      readonly unsent: ReadonlyArray<DataPacket>
      readonly inDoubt: ReadonlyArray<DataPacket>
    }
  /** Those who have changed, oneself among them, as the server describes them now. */
  | { readonly _tag: "ParticipantsUpdated"; readonly participants: ReadonlyArray<ParticipantInfo> }
  | { readonly _tag: "ActiveSpeakersUpdated"; readonly update: ActiveSpeakerUpdate }
  | { readonly _tag: "SpeakersChanged"; readonly update: SpeakersChanged }
  | { readonly _tag: "RemoteMuteChanged"; readonly update: MuteTrackRequest }
  | { readonly _tag: "RoomUpdated"; readonly room: Room }
  | { readonly _tag: "ConnectionQualityUpdated"; readonly update: ConnectionQualityUpdate }
  | { readonly _tag: "StreamStateUpdated"; readonly update: StreamStateUpdate }
  | { readonly _tag: "SubscribedQualityUpdated"; readonly update: SubscribedQualityUpdate }
  | { readonly _tag: "SubscriptionPermissionUpdated"; readonly update: SubscriptionPermissionUpdate }
  | { readonly _tag: "SubscriptionAnswered"; readonly response: SubscriptionResponse }
  /** A track of another participant arrives: its media can be received (the reference's `onAddTrack`). */
  | { readonly _tag: "TrackSubscribed"; readonly track: RemoteTrack }
  /** Its media has ended: it was unpublished or unsubscribed, or the session was given up. */
  | { readonly _tag: "TrackUnsubscribed"; readonly track: RemoteTrack }
  /** After a full reconnect a published track is published again, under a new sid. */
  | { readonly _tag: "LocalTrackRepublished"; readonly cid: string; readonly track: TrackInfo }
  /** It could not be, and is published no longer. */
  | { readonly _tag: "RepublishFailed"; readonly cid: string; readonly error: EngineError }
  | { readonly _tag: "LocalTrackPublished"; readonly response: TrackPublishedResponse }
  | { readonly _tag: "LocalTrackUnpublished"; readonly response: TrackUnpublishedResponse }
  | { readonly _tag: "LocalTrackSubscribed"; readonly update: TrackSubscribed }
  | { readonly _tag: "RequestAnswered"; readonly response: RequestResponse }
  /** The server gave a new token; the next dial uses it. */
  | { readonly _tag: "TokenRefreshed" }
  /** A message that the engine itself has no use for. */
  | { readonly _tag: "OtherMessage"; readonly message: SignalResponse["message"] }
  | { readonly _tag: "MalformedSignal"; readonly size: number; readonly cause: unknown }
  | { readonly _tag: "MalformedPacket"; readonly kind: Kind; readonly size: number; readonly cause: unknown }

/**
 * The connection ended: the terminal event.
 *
 * @category models
 */
export type Disconnected = Extract<EngineEvent, { readonly _tag: "Disconnected" }>
