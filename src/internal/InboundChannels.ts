/**
 * The data channels that the far end opens (S40, D1): kept from the moment they are announced, taken over once the session can
 * take what comes over them.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import { type Channel, labels } from "../DataChannel.ts"
import type { DataChannelError } from "../DataChannelError.ts"
import type { Target } from "../PeerConnectionError.ts"
import type { RtcDataChannel } from "../PeerConnectionFactory.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import type { EngineCore } from "./EngineCore.ts"

export interface InboundChannel {
  readonly target: Target
  readonly channel: Channel
}

export interface InboundChannels {
  /** For the handlers of a peer connection. */
  readonly announce: (target: Target) => (channel: RtcDataChannel) => void
  /** Takes over what is announced, from now to the end of the scope; labels that mean nothing to us are left alone. */
  readonly adopt: (
    transportOf: (target: Target) => PeerConnectionTransport | undefined
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly all: Effect.Effect<ReadonlyArray<InboundChannel>>
  /** The far end's reliable channel, once it has come and is open. */
  readonly reliable: Effect.Effect<Channel, DataChannelError>
}

export const make = Effect.fnUntraced(function* (core: EngineCore): Effect.fn.Return<InboundChannels> {
  const announced = yield* Queue.unbounded<{ readonly target: Target; readonly channel: RtcDataChannel }>()
  const adopted = yield* Ref.make<ReadonlyArray<InboundChannel>>([])
  const reliable = yield* Deferred.make<Channel>()
  return {
    announce: (target) => (channel) => void Queue.offerUnsafe(announced, { target, channel }),
    adopt: Effect.fnUntraced(function* (transportOf) {
      yield* Effect.gen(function* () {
        const { channel, target } = yield* Queue.take(announced)
        const kind =
          channel.label === labels.reliable ? "reliable" : channel.label === labels.lossy ? "lossy" : undefined
        const transport = transportOf(target)
        if (kind === undefined || transport === undefined) return
        const onMessage = (bytes: Uint8Array) => core.receive(kind, bytes)
        const next = yield* core.channels.adopt(transport, channel, { kind, onMessage })
        yield* Ref.update(adopted, (all) => [...all, { target, channel: next }])
        if (kind === "reliable") yield* Deferred.succeed(reliable, next)
      }).pipe(Effect.forever, Effect.forkScoped)
    }),
    all: Ref.get(adopted),
    reliable: Effect.tap(Deferred.await(reliable), ({ opened }) => opened)
  }
})
