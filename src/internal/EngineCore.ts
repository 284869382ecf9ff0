/**
 * What all sessions of one engine share. It outlives them: the reliable log, what was received, the token, the way to the
 * supervisor and to the users.
 */
import type { ParticipantInfo } from "@livekit/protocol"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Ref from "effect/Ref"
import type { DataChannel, Kind } from "../DataChannel.ts"
import type { DisconnectCause } from "../DisconnectCause.ts"
import type { EngineSettings } from "../EngineConfig.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import type { Factory } from "../PeerConnectionTransport.ts"
import type { ReceiveState } from "../ReceiveState.ts"
import type { ReliableSender } from "../ReliableSender.ts"
import type { Roster } from "./Roster.ts"
import type { SignalClient } from "../SignalClient.ts"
import type { Publications } from "./Publications.ts"
import type { Subscriptions } from "./Subscriptions.ts"

export interface EngineCore {
  readonly config: EngineSettings
  readonly signal: SignalClient["Service"]
  readonly transports: Factory["Service"]
  readonly channels: DataChannel["Service"]
  readonly sender: ReliableSender
  readonly received: ReceiveState
  readonly publications: Publications
  readonly subscriptions: Subscriptions
  /** The local participant, as last described (S34). */
  readonly participant: Ref.Ref<Option.Option<ParticipantInfo>>
  readonly others: Roster
  /** The session token, always the newest (S151). */
  readonly token: Ref.Ref<Redacted.Redacted<string>>
  /** Tells the users. */
  readonly emit: (event: EngineEvent) => void
  /** Tells the supervisor. */
  readonly report: (cause: DisconnectCause) => void
  /** Takes a message of a channel. */
  readonly receive: (kind: Kind, bytes: Uint8Array) => void
}
