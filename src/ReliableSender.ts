/**
 * The owner of the reliable log: takes packets from any number of fibers, gives each its sequence at the moment it is appended,
 * writes in that order whenever the channel has room, and replays after a resume.
 *
 * Everything that touches the log is one synchronous step, so no two senders, and no replay and sender, can interleave.
 */
import * as Effect from "effect/Effect"
import { type Channel, labels, lowWatermark } from "./DataChannel.ts"
import { BufferFull, ChannelClosed, DataChannelError, PacketTooLarge } from "./DataChannelError.ts"
import { tryEncode } from "./internal/tryEncode.ts"
import { type Entry, ReliableLog } from "./ReliableLog.ts"

/**
 * Encodes a packet with the sequence it is given; again, with another one, if the packet had to wait and one before it gave up.
 * The size must not depend on more than the digits of the sequence.
 *
 * @category models
 */
export type Encode = (sequence: number) => Uint8Array

/**
 * Sends reliable packets, and sends again what may be lost.
 *
 * @category models
 */
export interface ReliableSender {
  /**
   * Accepts a packet. Waits while the log is full, or fails with `BufferFull` if asked to; fails with `PacketTooLarge` or
   * `InvalidPacket` before a sequence is taken. Succeeds with the encoded size in bytes.
   */
  readonly send: (
    encode: Encode,
    options?: { readonly whenFull?: "suspend" | "fail" }
  ) => Effect.Effect<number, DataChannelError>
  /** Writes through this channel from now on. The session calls `flush` when the channel becomes writable. */
  readonly attach: (channel: Channel) => void
  /** Keeps what is accepted until the next `attach`. */
  readonly detach: () => void
  /** Writes what the channel has room for, and lets waiting senders in. */
  readonly flush: () => void
  /** The server has everything up to `lastSequence`; the rest is written again (S131). Number of packets replayed. */
  readonly replay: (lastSequence: number) => number
  /**
   * What may not have arrived if the session is lost now: handed to the channel since a time in milliseconds, or still in its
   * buffer. What was handed over before has arrived, because a path that is dead for so long is noticed.
   */
  readonly inDoubt: (since: number) => ReadonlyArray<Entry>
  /**
   * The session is gone and a new one starts at sequence 1. What was never handed to the channel goes out on it, under new
   * sequences; what is given as `resend` goes out again, before the rest.
   */
  readonly restart: (options: {
    readonly renumber: (bytes: Uint8Array, sequence: number) => Uint8Array
    readonly resend: ReadonlyArray<Entry>
  }) => void
  /** Completes when all that was accepted has left the channel's buffer. */
  readonly flushed: Effect.Effect<void>
  /**
   * The connection has ended: forgets everything, and fails the senders that wait, and those that come before the next `attach`.
   * What was never handed over.
   */
  readonly reset: () => ReadonlyArray<Entry>
  /** Bytes accepted and not yet handed to the network. */
  readonly pendingBytes: () => number
  /** Packets that were accepted and not handed to a channel. */
  readonly unsent: () => number
}

interface Waiter {
  readonly encode: Encode
  /** Encoded for this sequence, which it gets unless one that waits before it gives up. */
  readonly sequence: number
  readonly bytes: Uint8Array
  readonly resume: (effect: Effect.Effect<number, DataChannelError>) => void
}

/** What is left in the buffer of a closed channel stays there, until another one takes its place. */
const canDrain = (channel: Channel) => channel.isOpen() || channel.bufferedAmount() === 0

/**
 * Makes a sender; it has no channel until one is attached.
 *
 * @category constructors
 */
export const make = (options: {
  /** Bytes that may be pending before senders wait. */
  readonly capacity: number
  /** Bytes kept for replay beyond what the channel buffers. */
  readonly retention: number
  /** Largest packet in bytes while no channel has been open; 0 is no limit. */
  readonly maxPacketSize: number
  /** The channel refused bytes; nothing more is written until the next `attach`. */
  readonly onSendFailed: (cause: unknown) => void
  /** The time in milliseconds. */
  readonly now: () => number
}): ReliableSender => {
  const log = new ReliableLog()
  const waiters: Array<Waiter> = []
  /** Who wants to know that something was written, or that there is a channel. */
  const changes = new Set<() => void>()
  let channel: Channel | undefined
  /** Bytes in the buffer of the channel that was lost last. */
  let lostBuffer = 0
  /** Of the last channel that was open: what is larger could never be sent, and each session that tried would be lost. */
  let lastLimit = options.maxPacketSize === 0 ? Infinity : options.maxPacketSize
  /** The connection has ended, and the next one has no channel yet. */
  let isOver = false
  const over = () => Effect.fail(new DataChannelError({ reason: new ChannelClosed({ label: labels.reliable }) }))

  const limit = () => {
    if (channel?.isOpen() === true) lastLimit = channel.maxPacketSize()
    return lastLimit
  }
  const pendingBytes = () => log.unsentBytes + (channel?.bufferedAmount() ?? 0)
  // A packet larger than what is free goes too when little else is pending: nothing would wake it later.
  const low = lowWatermark(options.capacity)
  const hasRoom = (size: number) => {
    const pending = pendingBytes()
    return pending <= low || pending + size <= options.capacity
  }

  const write = () => {
    if (channel === undefined) return
    let entry = log.peek()
    while (entry !== undefined && channel.isWritable()) {
      if (!trySend(channel, entry)) return
      log.advance(options.now())
      entry = log.peek()
    }
    log.trim(channel.bufferedAmount() + options.retention)
  }

  const detach = () => {
    if (channel !== undefined) lostBuffer = channel.bufferedAmount()
    channel = undefined
  }

  // A channel that refuses bytes while it is open will not take them later either: the session has to be renewed.
  const trySend = (to: Channel, entry: Entry) => {
    try {
      to.sendUnsafe(entry.bytes)
      return true
    } catch (cause) {
      detach()
      options.onSendFailed(cause)
      return false
    }
  }

  const isEmpty = () => waiters.length === 0 && log.peek() === undefined && channel !== undefined && canDrain(channel)
  // Looked at in the step in which it is waited for, so that nothing comes between.
  const becomesEmpty = Effect.callback<void>((resume) => {
    const look = () => {
      if (!isEmpty()) return
      changes.delete(look)
      resume(Effect.void)
    }
    changes.add(look)
    look()
    return Effect.sync(() => void changes.delete(look))
  })
  const flushed: Effect.Effect<void> = Effect.gen(function* () {
    yield* becomesEmpty
    if (channel !== undefined) yield* channel.drained
    if (!isEmpty() || pendingBytes() > 0) yield* flushed
  })

  const flush = () => {
    limit()
    write()
    for (let first = waiters[0]; first !== undefined && hasRoom(first.bytes.length); first = waiters[0]) {
      waiters.shift()
      const sequence = log.nextSequence
      const { bytes } = log.append(first.sequence === sequence ? first.bytes : first.encode(sequence))
      first.resume(Effect.succeed(bytes.length))
      write()
    }
    // A copy: who is told may ask again at once.
    for (const tell of Array.from(changes)) tell()
  }

  return {
    // All in one step: between two, other fibers have their turn, and what they send is encoded later and would come first.
    send: (encode, { whenFull = "suspend" } = {}) =>
      Effect.callback<number, DataChannelError>((resume) => {
        if (isOver) return resume(over())
        const sequence = log.nextSequence + waiters.length
        const bytes = tryEncode(() => encode(sequence))
        if (bytes instanceof DataChannelError) return resume(Effect.fail(bytes))
        const max = limit()
        if (bytes.length > max) {
          return resume(Effect.fail(new DataChannelError({ reason: new PacketTooLarge({ size: bytes.length, max }) })))
        }
        if (waiters.length === 0 && hasRoom(bytes.length)) {
          log.append(bytes)
          write()
          return resume(Effect.succeed(bytes.length))
        }
        if (whenFull === "fail") {
          const reason = new BufferFull({ buffered: pendingBytes(), capacity: options.capacity })
          return resume(Effect.fail(new DataChannelError({ reason })))
        }
        const waiter: Waiter = { encode, sequence, bytes, resume }
        waiters.push(waiter)
        return Effect.sync(() => {
          const index = waiters.indexOf(waiter)
          if (index >= 0) waiters.splice(index, 1)
        })
      }),
    attach: (next) => {
      isOver = false
      channel = next
      flush()
    },
    detach,
    flush,
    replay: (lastSequence) => {
      log.acknowledge(lastSequence)
      const count = log.handed().length
      log.rewind()
      flush()
      return count
    },
    inDoubt: (since) => log.handedSince(since, channel?.bufferedAmount() ?? lostBuffer),
    restart: ({ renumber, resend }) => {
      detach()
      const kept = [...resend, ...log.pending()]
      log.clear()
      for (const { bytes } of kept) log.append(renumber(bytes, log.nextSequence))
    },
    flushed,
    reset: () => {
      isOver = true
      channel = undefined
      const unsent = log.pending()
      log.clear()
      for (const { resume } of waiters.splice(0)) resume(over())
      return unsent
    },
    pendingBytes,
    unsent: () => log.pending().length
  }
}
