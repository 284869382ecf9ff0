/**
 * Settings of the engine that seldom change, with defaults.
 */
import { ClientInfo } from "@livekit/protocol"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { version } from "./internal/version.ts"

/**
 * All settings; times in milliseconds, sizes in bytes.
 *
 * @category models
 */
export interface EngineSettings {
  /** How the client presents itself to the server. Default: protocol 17; the platform's layer fills in the SDK. */
  readonly clientInfo: ClientInfo
  /** Milliseconds for the WebSocket to open. Default 10,000 (SC7). */
  readonly dialTimeout: number
  /** Milliseconds from the open socket to the first message. Default 5,000. */
  readonly firstFrameTimeout: number
  /** Milliseconds for the `validate` request that asks why a dial failed. Default 3,000. */
  readonly validateTimeout: number
  /** Milliseconds for the server to answer when it is asked whether the connection still stands. Default 2,000. */
  readonly probeTimeout: number
  /**
   * Milliseconds for the needed peer connections to connect, from then for their channels to open, and from then for those of the
   * server. Default 20,000 (S101).
   */
  readonly peerConnectionTimeout: number
  /**
   * Milliseconds without an answer after which the media path is taken for dead, whatever its state says. Default 10,000: SCTP
   * sends what was lost again after 1, 3 and 7 s.
   */
  readonly pathTimeout: number
  /** Milliseconds for the server to answer an offer. Default 15,000 (L4). */
  readonly answerTimeout: number
  /** Milliseconds for the server to answer that a track is published. Default 20,000 (S55). */
  readonly publishTimeout: number
  /** Milliseconds that requests to negotiate are collected before an offer is made. Default 20 (PT6). */
  readonly negotiationDebounce: number
  /** Milliseconds for the server to say why, after its end of the media closed and before it is dialled again. Default 250. */
  readonly explanationTimeout: number
  /** Bytes of reliable data that may be accepted and not yet handed to the network. Default 2 MiB (S133). */
  readonly reliableCapacity: number
  /** Bytes of reliable data kept for replay beyond what the channel still buffers. Default 2.5 MiB (S10). */
  readonly reliableRetention: number
  /**
   * What happens after a full reconnect to reliable packets whose fate is unknown: `resend` them (receivers drop what they
   * have by its nonce), or only `report` them. Either way an `InDoubt` event names them. Default `resend`.
   */
  readonly inDoubt: "resend" | "report"
  /**
   * Milliseconds before an outage, or before the server was last heard, since which what was handed to the network is in doubt
   * if its session is lost; what is older has arrived. Default 45,000: a dead path is noticed within 30 s.
   */
  readonly inDoubtWindow: number
  /**
   * Milliseconds that reliable data waits after a full reconnect for participants who were there before and are not back yet:
   * what is sent to an absent one is lost. Default 3,000; 0 waits for nobody.
   */
  readonly rejoinTimeout: number
  /** Bytes buffered in a lossy channel above which packets are dropped. Default 256 KiB. */
  readonly lossyCapacity: number
  /** Lossy packets received and not yet read above which further lossy ones are dropped. Default 4,096. */
  readonly lossyBacklog: number
  /** Milliseconds for which the last sequence of a silent sender is remembered. Default 30,000 (S11). */
  readonly receiveStateTtl: number
  /** Largest reliable or lossy packet in bytes, whatever the server's SDP allows. Default 64,000; 0 is no own limit. */
  readonly maxPacketSize: number
  /** Whether to put the publisher's offer into the join request. `auto` does so on the first attempt of a session. */
  readonly offerInJoin: "auto" | "never"
  /** Compresses the join request where the platform can. Provided by the node and browser layers. */
  readonly gzip: ((bytes: Uint8Array) => Effect.Effect<Uint8Array>) | undefined
}

/**
 * The defaults of {@link EngineConfig}.
 *
 * @category constants
 */
export const defaults: EngineSettings = {
  clientInfo: new ClientInfo({ protocol: 17, version }),
  dialTimeout: 10_000,
  firstFrameTimeout: 5_000,
  validateTimeout: 3_000,
  probeTimeout: 2_000,
  peerConnectionTimeout: 20_000,
  pathTimeout: 10_000,
  answerTimeout: 15_000,
  publishTimeout: 20_000,
  negotiationDebounce: 20,
  explanationTimeout: 250,
  reliableCapacity: 2 * 1024 * 1024,
  reliableRetention: 2_621_440,
  inDoubt: "resend",
  inDoubtWindow: 45_000,
  rejoinTimeout: 3_000,
  lossyCapacity: 256 * 1024,
  lossyBacklog: 4_096,
  receiveStateTtl: 30_000,
  maxPacketSize: 64_000,
  offerInJoin: "auto",
  gzip: undefined
}

/**
 * The settings in force. A reference with defaults: provide it to change some.
 *
 * @example
 * ```ts
 * import { EngineConfig } from "effect-livekit"
 * import { Layer } from "effect"
 *
 * const layer = Layer.succeed(EngineConfig.EngineConfig, { ...EngineConfig.defaults, dialTimeout: 4_000 })
 * ```
 *
 * @category services
 */
export const EngineConfig = Context.Reference<EngineSettings>("effect-livekit/EngineConfig", {
  defaultValue: () => defaults
})
