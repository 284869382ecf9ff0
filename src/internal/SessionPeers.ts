/**
 * The peer connections of one session, which of them are needed, and when they are ready (S37-S40, S101-S104).
 */
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Channel } from "../DataChannel.ts"
import { ChannelClosed } from "../DataChannelError.ts"
import {
  ChannelNotOpened,
  IceTimeout,
  PeerConnectionError,
  type PeerConnectionErrorReason
} from "../PeerConnectionError.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import * as Sdp from "../Sdp.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { InboundChannels } from "./InboundChannels.ts"
import * as PathLiveness from "./PathLiveness.ts"
import type { Publisher } from "./Publisher.ts"

export interface SessionPeers {
  readonly publisher: Publisher
  /** Absent where one peer connection does it all. */
  readonly subscriber: PeerConnectionTransport | undefined
  readonly inbound: InboundChannels
  /** A publisher negotiation was started (S6): from then on the publisher is needed too. */
  readonly hasPublished: Ref.Ref<boolean>
  readonly liveness: PathLiveness.PathLiveness
  /** Completes when everything needed is connected and open. */
  readonly ready: Effect.Effect<Ready, PeerConnectionError>
  /** Reports what fails later to the supervisor. */
  readonly watch: Effect.Effect<void, never, Scope.Scope>
}

export interface Ready {
  readonly connected: ReadonlyArray<"publisher" | "subscriber">
  readonly open: ReadonlyArray<string>
  readonly inbound: ReadonlyArray<string>
}

const failure = (reason: PeerConnectionErrorReason) => Effect.fail(new PeerConnectionError({ reason }))

export const make = Effect.fnUntraced(function* (
  core: EngineCore,
  options: {
    readonly publisher: Publisher
    readonly subscriber: PeerConnectionTransport | undefined
    readonly isSubscriberPrimary: boolean
    readonly hasPublished: boolean
    readonly inbound: InboundChannels
  }
): Effect.fn.Return<SessionPeers, never, Scope.Scope> {
  const { inbound, isSubscriberPrimary, publisher, subscriber } = options
  const { pathTimeout, peerConnectionTimeout: millis } = core.config
  const hasPublished = yield* Ref.make(options.hasPublished)
  const needed = Effect.map(Ref.get(hasPublished), (published): ReadonlyArray<PeerConnectionTransport> => {
    if (!isSubscriberPrimary || subscriber === undefined) return [publisher.transport]
    return published ? [subscriber, publisher.transport] : [subscriber]
  })
  const liveness = yield* PathLiveness.make({ needed, timeout: pathTimeout })

  const connected = (transport: PeerConnectionTransport) =>
    transport.connected.pipe(
      Effect.timeoutOrElse({
        duration: millis,
        orElse: () => failure(new IceTimeout({ target: transport.target, millis }))
      })
    )
  const opened = <E>(target: "publisher" | "subscriber", label: string, opening: Effect.Effect<unknown, E>) =>
    opening.pipe(
      Effect.timeout(millis),
      Effect.catch(() => failure(new ChannelNotOpened({ target, label, millis }))),
      Effect.as(label)
    )
  const ready = Effect.gen(function* () {
    const transports = yield* needed
    yield* Effect.forEach(transports, connected, { concurrency: "unbounded", discard: true })
    const isPublishing = transports.includes(publisher.transport)
    const own = isPublishing ? [publisher.reliable, publisher.lossy] : []
    const open = yield* Effect.forEach(own, (channel) => opened("publisher", channel.label, channel.opened), {
      concurrency: "unbounded"
    })
    // A server opens its channels right after the connection stands; what it sends comes over them.
    const isAnnounced = isSubscriberPrimary && Sdp.hasDataChannels(subscriber?.remoteDescription()?.sdp ?? "")
    const others = isAnnounced ? [yield* opened("subscriber", publisher.reliable.label, inbound.reliable)] : []
    return { connected: transports.map(({ target }) => target), open, inbound: others }
  })

  const watchPeer = (transport: PeerConnectionTransport) =>
    transport.stateChanges.pipe(
      Stream.filter((state) => state === "failed"),
      Stream.runForEach(() =>
        Effect.sync(() => core.report({ _tag: "PeerConnectionFailed", target: transport.target }))
      ),
      Effect.forkScoped
    )
  const reportLost = ({ label }: Channel) =>
    Effect.sync(() => core.report({ _tag: "ChannelLost", reason: new ChannelClosed({ label }) }))
  const watchChannel = (channel: Channel) => Effect.forkScoped(Effect.andThen(channel.closed, reportLost(channel)))

  return {
    publisher,
    subscriber,
    inbound,
    hasPublished,
    liveness,
    ready,
    watch: Effect.gen(function* () {
      yield* watchPeer(publisher.transport)
      if (subscriber !== undefined) yield* watchPeer(subscriber)
      yield* watchChannel(publisher.reliable)
      yield* watchChannel(publisher.lossy)
      yield* inbound.reliable.pipe(
        Effect.flatMap((channel) => Effect.andThen(channel.closed, reportLost(channel))),
        Effect.ignore,
        Effect.forkScoped
      )
    })
  }
})
