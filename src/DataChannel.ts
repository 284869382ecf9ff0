/**
 * Data channels: opening and adopting them, waiting until they are open, sending within watermarks, and what comes in.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type * as Cause from "effect/Cause"
import { ChannelClosed, DataChannelError, PacketTooLarge, SendFailed } from "./DataChannelError.ts"
import { EngineConfig } from "./EngineConfig.ts"
import { inSequence } from "./internal/inSequence.ts"
import type { PeerConnectionError } from "./PeerConnectionError.ts"
import type { RtcDataChannel } from "./PeerConnectionFactory.ts"
import type { PeerConnectionTransport } from "./PeerConnectionTransport.ts"

/**
 * `reliable` is ordered and retransmitted; `lossy` is unordered with no retransmits (S41).
 *
 * @category models
 */
export type Kind = "reliable" | "lossy"

/**
 * Labels that a LiveKit server knows (D1).
 *
 * @category constants
 */
export const labels = { reliable: "_reliable", lossy: "_lossy" } as const satisfies Record<Kind, string>

/**
 * Bytes buffered in a channel at which sending pauses (`high`) and goes on (`low`).
 *
 * @category constants
 */
export const watermarks = {
  reliable: { low: 64 * 1024, high: 1024 * 1024 },
  lossy: { low: 8 * 1024, high: 256 * 1024 }
} as const satisfies Record<Kind, { readonly low: number; readonly high: number }>

/**
 * Bytes at which a reliable channel says that it has run low. Who waits for room waits while more than that is pending, and is
 * woken then, however small the capacity.
 *
 * @category constants
 */
export const lowWatermark = (reliableCapacity: number): number =>
  Math.min(watermarks.reliable.low, reliableCapacity / 2)

/**
 * A data channel with back-pressure: sending waits while its buffer is full.
 *
 * @category models
 */
export interface Channel {
  readonly label: string
  readonly kind: Kind
  readonly id: () => number | null
  /** Completes when the channel is open; fails with `ChannelClosed` if it closes first. */
  readonly opened: Effect.Effect<void, DataChannelError>
  /** Completes when the channel is closed, by either side. */
  readonly closed: Effect.Effect<void>
  readonly isOpen: () => boolean
  readonly bufferedAmount: () => number
  /** Largest packet in bytes, by the far end's description and our own limit (D2). */
  readonly maxPacketSize: () => number
  /** Completes when nothing is buffered any more, or the channel is closed. */
  readonly drained: Effect.Effect<void>
  /** Open and below the high watermark. */
  readonly isWritable: () => boolean
  /**
   * Sends, waiting for the channel to open and to fall below its watermark; senders go in the order they came.
   *
   * @throws DataChannelError `PacketTooLarge` (the channel stays usable), `ChannelClosed`, `SendFailed`
   */
  readonly send: (bytes: Uint8Array) => Effect.Effect<void, DataChannelError>
  /** Sends without waiting. The caller has seen that the channel is open. Throws what the runtime throws. */
  readonly sendUnsafe: (bytes: Uint8Array) => void
  /** What came in, in order, for one reader. Empty when the channel was made with `onMessage`. */
  readonly messages: Stream.Stream<Uint8Array>
}

/**
 * How a channel is opened or adopted.
 *
 * @category models
 */
export interface ChannelOptions {
  readonly kind: Kind
  /** Default: the label of the kind. */
  readonly label?: string | undefined
  /** Takes every message as it comes, instead of `messages`. */
  readonly onMessage?: ((bytes: Uint8Array) => void) | undefined
  /** Called when the channel opens and whenever its buffer has run low. */
  readonly onWritable?: (() => void) | undefined
}

/**
 * Opens and adopts channels. A channel lives in the scope it was made in.
 *
 * @category services
 */
export class DataChannel extends Context.Service<
  DataChannel,
  {
    /** Opens a channel on a transport (S41). */
    readonly open: (
      transport: PeerConnectionTransport,
      options: ChannelOptions
    ) => Effect.Effect<Channel, PeerConnectionError, Scope.Scope>
    /** Takes over a channel that the far end opened (S40). */
    readonly adopt: (
      transport: PeerConnectionTransport,
      channel: RtcDataChannel,
      options: ChannelOptions
    ) => Effect.Effect<Channel, never, Scope.Scope>
  }
>()("effect-livekit/DataChannel") {}

const noop = () => {}

const makeChannel = Effect.fnUntraced(function* (
  transport: PeerConnectionTransport,
  channel: RtcDataChannel,
  options: ChannelOptions
): Effect.fn.Return<Channel, never, Scope.Scope> {
  const { maxPacketSize: ownLimit, reliableCapacity } = yield* EngineConfig
  const { kind, onMessage, onWritable = noop } = options
  const label = options.label ?? labels[kind]
  const { high } = watermarks[kind]
  const low = kind === "reliable" ? lowWatermark(reliableCapacity) : watermarks.lossy.low
  const isClosed = new DataChannelError({ reason: new ChannelClosed({ label }) })
  const opened = yield* Deferred.make<void, DataChannelError>()
  const closed = yield* Deferred.make<void>()
  const room = yield* Latch.make(true)
  const turn = yield* Semaphore.make(1)
  const inbox = yield* Queue.unbounded<Uint8Array, Cause.Done>()

  const receive = onMessage ?? ((bytes: Uint8Array) => void Queue.offerUnsafe(inbox, bytes))
  const writable = () => {
    room.openUnsafe()
    onWritable()
  }
  const draining = new Set<() => void>()
  const tellDrained = () => {
    const told = Array.from(draining)
    draining.clear()
    channel.setBufferedAmountLowThreshold(low)
    for (const tell of told) tell()
  }
  const onLow = () => {
    writable()
    if (draining.size > 0 && channel.bufferedAmount() === 0) tellDrained()
  }
  const onClose = () => {
    if (draining.size > 0) tellDrained()
    Deferred.doneUnsafe(opened, Effect.fail(isClosed))
    Deferred.doneUnsafe(closed, Effect.void)
    Queue.endUnsafe(inbox)
  }
  channel.setBufferedAmountLowThreshold(low)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      channel.setHandlers({
        onOpen: () => {
          Deferred.doneUnsafe(opened, Effect.void)
          writable()
        },
        onClose,
        onError: noop,
        onMessage: receive,
        onEarlyMessages: (messages) => {
          for (const bytes of kind === "reliable" ? inSequence(messages) : messages) receive(bytes)
        },
        onBufferedAmountLow: onLow
      })
    ),
    // Detached first, so that our own closing is not reported as trouble.
    () =>
      Effect.sync(() => {
        channel.setHandlers(null)
        channel.close()
        onClose()
      })
  )
  if (channel.readyState() === "open") Deferred.doneUnsafe(opened, Effect.void)

  const maxPacketSize = () => Math.min(transport.maxMessageSize(), ownLimit === 0 ? Infinity : ownLimit)
  const isOpen = () => channel.readyState() === "open"
  const waitForRoom: Effect.Effect<void, DataChannelError> = Effect.suspend(() => {
    if (channel.bufferedAmount() < high) return Effect.void
    room.closeUnsafe()
    return Effect.raceFirst(room.await, Effect.andThen(Deferred.await(closed), Effect.fail(isClosed))).pipe(
      Effect.andThen(waitForRoom)
    )
  })

  return {
    label,
    kind,
    id: channel.id,
    opened: Deferred.await(opened),
    closed: Deferred.await(closed),
    isOpen,
    bufferedAmount: channel.bufferedAmount,
    maxPacketSize,
    drained: Effect.callback((resume) => {
      const tell = () => resume(Effect.void)
      draining.add(tell)
      channel.setBufferedAmountLowThreshold(0)
      // Looked at after that: what drains meanwhile may come from another thread.
      if (!isOpen() || channel.bufferedAmount() === 0) tellDrained()
      return Effect.sync(() => {
        draining.delete(tell)
        if (draining.size === 0) channel.setBufferedAmountLowThreshold(low)
      })
    }),
    isWritable: () => isOpen() && channel.bufferedAmount() < high,
    send: (bytes) =>
      turn.withPermit(
        Effect.gen(function* () {
          yield* Deferred.await(opened)
          const max = maxPacketSize()
          if (bytes.length > max) {
            return yield* new DataChannelError({ reason: new PacketTooLarge({ size: bytes.length, max }) })
          }
          yield* waitForRoom
          if (!isOpen()) return yield* isClosed
          yield* Effect.try({
            try: () => channel.send(bytes),
            catch: (cause) => new DataChannelError({ reason: new SendFailed({ label, cause }) })
          })
        })
      ),
    sendUnsafe: channel.send,
    messages: Stream.fromQueue(inbox)
  }
})

/**
 * Channels over whatever transport they are opened on.
 *
 * @category layers
 */
export const layer: Layer.Layer<DataChannel> = Layer.effect(
  DataChannel,
  Effect.gen(function* () {
    const config = yield* EngineConfig
    const configured = Effect.provideService(EngineConfig, config)
    return {
      open: (transport, options) =>
        transport
          .createDataChannel(
            options.label ?? labels[options.kind],
            options.kind === "reliable" ? { ordered: true } : { ordered: false, maxRetransmits: 0 }
          )
          // One step: between the two the channel would be nobody's.
          .pipe(
            Effect.flatMap((channel) => configured(makeChannel(transport, channel, options))),
            Effect.uninterruptible
          ),
      adopt: (transport, channel, options) => configured(makeChannel(transport, channel, options))
    }
  })
)
