/**
 * An engine that never connects and does nothing.
 */
import { DisconnectReason } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { ConnectionState } from "../ConnectionState.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import type { ReceivedPacket } from "../Packet.ts"
import type { Engine } from "../RTCEngine.ts"
import * as TrackOperations from "./TrackOperations.ts"

export const noopEngine: Engine = {
  ...TrackOperations.noop,
  connect: () => Effect.never,
  disconnect: Effect.void,
  disconnectAfterFlush: () => Effect.succeed(true),
  disconnected: Effect.succeed({
    _tag: "Disconnected",
    reason: DisconnectReason.UNKNOWN_REASON,
    error: undefined
  }),
  state: Effect.succeed<ConnectionState>("Disconnected"),
  stateChanges: Stream.succeed<ConnectionState>("Disconnected"),
  events: Stream.empty,
  subscribeEvents: Effect.flatMap(PubSub.unbounded<EngineEvent>(), PubSub.subscribe),
  packets: Stream.empty,
  subscribePackets: Effect.flatMap(PubSub.unbounded<ReceivedPacket>(), PubSub.subscribe),
  sendData: () => Effect.void,
  sendRequest: () => Effect.void,
  reconnectNow: Effect.void,
  probe: Effect.void,
  serverInfo: Effect.succeedNone,
  participant: Effect.succeedNone,
  rtt: Effect.succeedNone,
  counters: Effect.succeed({
    received: 0,
    duplicates: 0,
    malformed: 0,
    dropped: 0,
    sent: 0,
    lossySent: 0,
    lossyDropped: 0,
    bytesSent: 0,
    pendingBytes: 0
  })
}
