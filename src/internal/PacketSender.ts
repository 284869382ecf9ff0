/**
 * Sending data: checks, sequence, and which channel (S113-S130).
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionState } from "../ConnectionState.ts"
import { DataChannelError, NotOpen, PacketTooLarge } from "../DataChannelError.ts"
import { DataNotPermitted, EngineError, from, NotConnected } from "../EngineError.ts"
import * as Packet from "../Packet.ts"
import type { SendOptions } from "../RTCEngine.ts"
import type { EngineCore } from "./EngineCore.ts"
import * as Nonce from "./Nonce.ts"
import type { Session } from "./Session.ts"
import { tryEncode } from "./tryEncode.ts"

export interface SendCounters {
  /** Reliable packets accepted. */
  readonly sent: number
  readonly lossySent: number
  /** Lossy packets dropped because the path is down or the channel is full. */
  readonly lossyDropped: number
  /** Encoded bytes of what was accepted. */
  readonly bytesSent: number
  /** Encoded bytes of reliable packets that were accepted and are not on the network yet: they wait here or in the channel. */
  readonly pendingBytes: number
}

export interface PacketSender {
  readonly sendData: (packet: Packet.Packet, options?: SendOptions) => Effect.Effect<void, EngineError>
  readonly counters: () => SendCounters
}

export const notConnected = (operation: string) => new EngineError({ reason: new NotConnected({ operation }) })

export const make = Effect.fnUntraced(function* (options: {
  readonly core: EngineCore
  readonly session: Ref.Ref<Option.Option<Session>>
  readonly state: SubscriptionRef.SubscriptionRef<ConnectionState>
}): Effect.fn.Return<PacketSender> {
  const { core, session, state } = options
  const counters = { sent: 0, lossySent: 0, lossyDropped: 0, bytesSent: 0 }
  const nonces = Nonce.make(yield* Random.nextInt, yield* Random.nextInt)

  const ensurePublisher = Effect.flatMap(Ref.get(session), (current) =>
    Option.isSome(current) ? current.value.ensurePublisher : Effect.void
  )

  // A server that tells no permissions is believed to allow it.
  const isPermitted = () => Option.getOrUndefined(Ref.getUnsafe(core.participant))?.permission?.canPublishData !== false

  const sendReliable = (packet: Packet.Packet, send: SendOptions) => {
    const destinations = send.destinationIdentities ?? []
    let nonce: Uint8Array<ArrayBuffer> | undefined
    const encode = (sequence: number) => {
      nonce ??= nonces.next()
      return withNonce(packet, nonce, () => Packet.encode(packet, "reliable", destinations, sequence))
    }
    return core.sender.send(encode, { whenFull: send.whenFull ?? "suspend" }).pipe(
      Effect.map((size) => {
        counters.sent++
        counters.bytesSent += size
      }),
      Effect.mapError(from)
    )
  }

  const sendLossy = Effect.fnUntraced(function* (packet: Packet.Packet, send: SendOptions) {
    const bytes = tryEncode(() => Packet.encode(packet, "lossy", send.destinationIdentities ?? [], 0))
    if (bytes instanceof DataChannelError) return yield* from(bytes)
    const current = yield* Ref.get(session)
    const max = Option.isSome(current) ? current.value.lossy.maxPacketSize() : core.config.maxPacketSize
    if (bytes.length > max) return yield* from({ reason: new PacketTooLarge({ size: bytes.length, max }) })
    // What would wait for the path to come back is of no use by then.
    if (Option.isNone(current) || !(yield* current.value.takesLossy)) {
      counters.lossyDropped++
      return
    }
    const { lossy } = current.value
    if (!lossy.isOpen()) {
      // Closed instead, it goes the way of its session, and the packet with it.
      yield* Effect.ignore(lossy.opened).pipe(
        Effect.timeoutOrElse({
          duration: core.config.peerConnectionTimeout,
          orElse: () => Effect.fail(new DataChannelError({ reason: new NotOpen({ label: lossy.label }) }))
        }),
        Effect.mapError(from)
      )
    }
    if (!lossy.isOpen() || lossy.bufferedAmount() > core.config.lossyCapacity) {
      counters.lossyDropped++
      return
    }
    // A channel whose end is not known yet takes nothing more.
    const isSent = yield* Effect.try(() => lossy.sendUnsafe(bytes)).pipe(Effect.isSuccess)
    if (!isSent) {
      counters.lossyDropped++
      return
    }
    counters.lossySent++
    counters.bytesSent += bytes.length
  })

  return {
    counters: () => ({ ...counters, pendingBytes: core.sender.pendingBytes() }),
    sendData: (packet, send = {}) =>
      Effect.suspend(() => {
        const current = SubscriptionRef.getUnsafe(state)
        if (current === "Disconnected" || current === "Connecting") return Effect.fail(notConnected("sendData"))
        if (!isPermitted()) return Effect.fail(new EngineError({ reason: new DataNotPermitted() }))
        return Effect.andThen(
          ensurePublisher,
          send.kind === "lossy" ? sendLossy(packet, send) : sendReliable(packet, send)
        )
      })
  }
})

/**
 * The nonce lets receivers drop what is sent again after a full reconnect. It is taken when the packet takes its place among those
 * that are sent or wait, so that nonces and sequences count the same way. The packet is the application's, which may send it
 * again: it keeps what it had, and a nonce of its own is left alone.
 */
const withNonce = <A>(packet: Packet.Packet, nonce: Uint8Array<ArrayBuffer>, encode: () => A): A => {
  if (packet.case !== "user" || packet.value.nonce.length > 0) return encode()
  const own = packet.value.nonce
  packet.value.nonce = nonce
  try {
    return encode()
  } finally {
    packet.value.nonce = own
  }
}
