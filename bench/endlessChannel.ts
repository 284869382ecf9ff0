import { Effect, Stream } from "effect"
import type { DataChannel } from "effect-livekit"

/** A reliable channel that takes everything at once. */
export const endlessChannel = (sendUnsafe: (bytes: Uint8Array) => void): DataChannel.Channel => ({
  label: "_reliable",
  kind: "reliable",
  id: () => 1,
  opened: Effect.void,
  closed: Effect.never,
  drained: Effect.void,
  isOpen: () => true,
  bufferedAmount: () => 0,
  maxPacketSize: () => 64_000,
  isWritable: () => true,
  send: () => Effect.void,
  sendUnsafe,
  messages: Stream.empty
})
