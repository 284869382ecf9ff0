/**
 * The seam to the WebRTC runtime: the smallest set of operations that browsers, node-datachannel and `@roamhq/wrtc` all
 * have, plus declared {@link Capabilities}. The engine plans by capability and never asks which runtime it is on.
 *
 * An adapter is one file that implements this service; everything above it is written once.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PeerConnectionError } from "./PeerConnectionError.ts"
import type { RtcMedia, RtcTrackEvent } from "./RtcMedia.ts"

/**
 * What a WebRTC runtime can do beyond the common set.
 *
 * @category models
 */
export interface Capabilities {
  /** Real ICE restart: an offer with `iceRestart` gets new credentials and the connection moves to them. */
  readonly iceRestart: boolean
  /** ICE servers and policy can be replaced on a live peer connection. */
  readonly setConfiguration: boolean
  /** The runtime has `getStats`. */
  readonly stats: boolean
  /** How media is carried: encoded `MediaStreamTrack`s, raw RTP packets, or not at all. */
  readonly media: "tracks" | "rtp" | "none"
  /** Simulcast encodings can be configured on a sender. */
  readonly simulcast: boolean
}

/**
 * As `RTCSessionDescriptionInit`, as far as it is used: no offer is ever taken back.
 *
 * @category models
 */
export interface SessionDescription {
  readonly type: "offer" | "answer"
  readonly sdp: string
}

/**
 * An ICE candidate as in `RTCIceCandidateInit`; `candidate` starts with `candidate:` and never with `a=`.
 *
 * @category models
 */
export interface IceCandidate {
  readonly candidate: string
  readonly sdpMid: string | null
  readonly sdpMLineIndex: number | null
}

/**
 * As `RTCIceServer`.
 *
 * @category models
 */
export interface IceServer {
  readonly urls: ReadonlyArray<string>
  readonly username?: string | undefined
  readonly credential?: string | undefined
}

/**
 * As `RTCConfiguration`, as far as it is used.
 *
 * @category models
 */
export interface RtcConfiguration {
  readonly iceServers: ReadonlyArray<IceServer>
  /** `relay` uses TURN only. Default `all`. */
  readonly iceTransportPolicy: "all" | "relay"
}

/**
 * As `RTCPeerConnectionState`.
 *
 * @category models
 */
export type PeerConnectionState = "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed"

/**
 * Callbacks of one data channel. All are plain synchronous functions: this is the path of every packet.
 *
 * @category models
 */
export interface RtcDataChannelHandlers {
  readonly onOpen: () => void
  readonly onClose: () => void
  readonly onError: (cause: unknown) => void
  /** The bytes belong to the receiver: the runtime does not reuse them. */
  readonly onMessage: (bytes: Uint8Array) => void
  /**
   * Messages that came while a channel of the far end was handed over, from a runtime that may have mixed up their order then:
   * at most once, before any `onMessage`. Nothing is missing from them, so whoever knows their sequences can put them right.
   */
  readonly onEarlyMessages: (messages: ReadonlyArray<Uint8Array>) => void
  /** `bufferedAmount` fell to the threshold or below. Runtimes without the event are polled by their adapter. */
  readonly onBufferedAmountLow: () => void
}

/**
 * A data channel of the runtime.
 *
 * @category models
 */
export interface RtcDataChannel {
  readonly label: string
  readonly id: () => number | null
  readonly readyState: () => "connecting" | "open" | "closing" | "closed"
  /** Bytes accepted by `send` and not yet handed to the network. */
  readonly bufferedAmount: () => number
  readonly setBufferedAmountLowThreshold: (bytes: number) => void
  /** Throws if the runtime refuses the bytes. The caller has checked the size and that the channel is open. */
  readonly send: (bytes: Uint8Array) => void
  readonly close: () => void
  /**
   * Replaces all handlers; `null` detaches them. Messages and the open event that came before the first call are
   * delivered to it.
   */
  readonly setHandlers: (handlers: RtcDataChannelHandlers | null) => void
}

/**
 * As `RTCDataChannelInit`, as far as it is used.
 *
 * @category models
 */
export interface DataChannelOptions {
  readonly ordered: boolean
  /** Unset means reliable. */
  readonly maxRetransmits?: number | undefined
}

/**
 * Callbacks of one peer connection, plain synchronous functions. None is called after the scope of the peer connection
 * has closed.
 *
 * @category models
 */
export interface PeerConnectionHandlers {
  /** A local candidate; end-of-candidates is not reported (OB5). */
  readonly onIceCandidate: (candidate: IceCandidate) => void
  readonly onConnectionStateChange: (state: PeerConnectionState) => void
  readonly onDataChannel: (channel: RtcDataChannel) => void
  /** A track that the far end sends; again when it sends one after it had stopped. */
  readonly onTrack?: ((event: RtcTrackEvent) => void) | undefined
}

/**
 * Transport counters of a peer connection.
 *
 * @category models
 */
export interface TransportCounters {
  readonly bytesSent: number
  readonly bytesReceived: number
}

/**
 * A peer connection of the runtime. It is closed when the scope it was made in closes, and only then.
 *
 * @category models
 */
export interface PeerConnection {
  readonly createOffer: (options: {
    readonly iceRestart: boolean
  }) => Effect.Effect<SessionDescription, PeerConnectionError>
  readonly createAnswer: Effect.Effect<SessionDescription, PeerConnectionError>
  readonly setLocalDescription: (description: SessionDescription) => Effect.Effect<void, PeerConnectionError>
  readonly setRemoteDescription: (description: SessionDescription) => Effect.Effect<void, PeerConnectionError>
  readonly addIceCandidate: (candidate: IceCandidate) => Effect.Effect<void, PeerConnectionError>
  readonly setConfiguration: (configuration: RtcConfiguration) => Effect.Effect<void, PeerConnectionError>
  readonly createDataChannel: (
    label: string,
    options: DataChannelOptions
  ) => Effect.Effect<RtcDataChannel, PeerConnectionError>
  readonly localDescription: () => SessionDescription | null
  readonly remoteDescription: () => SessionDescription | null
  readonly connectionState: () => PeerConnectionState
  /** Bytes so far, as the runtime counts them; node-datachannel counts messages only. */
  readonly counters: Effect.Effect<TransportCounters>
  /**
   * Completes when the far end has answered something that was sent after the call: the proof that the path is alive, which
   * `connectionState` gives half a minute late. Waits as long as there is no answer.
   */
  readonly roundTrip: Effect.Effect<void, PeerConnectionError>
  readonly media: RtcMedia
}

/**
 * Makes peer connections. Provided by `effect-livekit/node`, `/browser`, `/wrtc` and `/testing`.
 *
 * @category services
 */
export class PeerConnectionFactory extends Context.Service<
  PeerConnectionFactory,
  {
    readonly capabilities: Capabilities
    readonly make: (
      configuration: RtcConfiguration,
      handlers: PeerConnectionHandlers
    ) => Effect.Effect<PeerConnection, PeerConnectionError, Scope.Scope>
  }
>()("effect-livekit/PeerConnectionFactory") {}
