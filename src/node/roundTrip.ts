import * as Effect from "effect/Effect"
import type { PeerConnection } from "node-datachannel"
import { probeLabel } from "../internal/probeLabel.ts"
import { NegotiationFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import { adopt } from "./NodeRtcDataChannel.ts"

/**
 * Completes when the far end has answered: libdatachannel opens a channel when the acknowledgement of RFC 8832 has come, and counts
 * that nowhere, so a channel is opened and closed again.
 */
export const roundTrip = (peer: PeerConnection): Effect.Effect<void, PeerConnectionError> =>
  Effect.acquireUseRelease(
    Effect.try({
      try: () => adopt(peer.createDataChannel(probeLabel)),
      catch: (cause) => new PeerConnectionError({ reason: new NegotiationFailed({ step: "createDataChannel", cause }) })
    }),
    (channel) =>
      Effect.callback<void>((resume) =>
        channel.setHandlers({
          onOpen: () => resume(Effect.void),
          onClose: noop,
          onError: noop,
          onMessage: noop,
          onEarlyMessages: noop,
          onBufferedAmountLow: noop
        })
      ),
    (channel) => Effect.sync(channel.close)
  )

const noop = () => {}
