/**
 * The publisher's peer connection with its two channels (S41).
 */
import { SessionDescription } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Channel } from "../DataChannel.ts"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { RtcConfiguration, RtcDataChannel } from "../PeerConnectionFactory.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import type { SignalRequestQueue } from "../SignalRequestQueue.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { RemoteTracks } from "./RemoteTracks.ts"
import * as trickle from "./trickle.ts"

export interface Publisher {
  readonly transport: PeerConnectionTransport
  readonly reliable: Channel
  readonly lossy: Channel
  readonly trickle: trickle.TrickleSender
}

export const make = Effect.fnUntraced(function* (
  core: EngineCore,
  requests: SignalRequestQueue,
  options: {
    readonly configuration: RtcConfiguration
    readonly onDataChannel: (channel: RtcDataChannel) => void
    readonly remoteTracks: RemoteTracks
  }
): Effect.fn.Return<Publisher, PeerConnectionError, Scope.Scope> {
  const sender = trickle.makeSender("publisher", requests.sendUnsafe)
  const transport = yield* core.transports.make({
    target: "publisher",
    configuration: options.configuration,
    // Without a connection the offer stays unanswered, and the resume repeats it.
    sendOffer: ({ id, sdp }) =>
      Effect.sync(() =>
        requests.sendUnsafe({ case: "offer", value: new SessionDescription({ type: "offer", sdp, id }) })
      ),
    onIceCandidate: sender.add,
    onDataChannel: options.onDataChannel,
    onTrack: (media) => options.remoteTracks.add("publisher", media),
    onTrackEnded: (mid) => options.remoteTracks.ended("publisher", mid)
  })
  const reliable = yield* core.channels.open(transport, {
    kind: "reliable",
    onMessage: (bytes) => core.receive("reliable", bytes),
    onWritable: core.sender.flush
  })
  const lossy = yield* core.channels.open(transport, {
    kind: "lossy",
    onMessage: (bytes) => core.receive("lossy", bytes)
  })
  return { transport, reliable, lossy, trickle: sender }
})
