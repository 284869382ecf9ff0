import * as Effect from "effect/Effect"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { RtcDataChannel } from "../PeerConnectionFactory.ts"
import { detached } from "./NodeRtcDataChannel.ts"

/** Answered channels that stay open. */
const keptOpen = 4

/**
 * Completes when the far end has answered: libdatachannel opens a channel when the acknowledgement of RFC 8832 has come, which it
 * counts nowhere, so one is opened. The latest stay open: one that closes before the far end has been told of it costs a server
 * with node-datachannel a garbage collection (`collect.ts`).
 */
export const make = (
  open: Effect.Effect<RtcDataChannel, PeerConnectionError>
): Effect.Effect<void, PeerConnectionError> => {
  const answered: Array<RtcDataChannel> = []
  return Effect.flatMap(open, (channel) =>
    Effect.callback<void>((resume) =>
      channel.setHandlers({
        ...detached,
        onOpen: () => {
          if (answered.push(channel) > keptOpen) answered.shift()?.close()
          resume(Effect.void)
        }
      })
    )
  )
}
