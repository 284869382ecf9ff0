/**
 * A W3C data channel as the seam wants it.
 */
import * as Effect from "effect/Effect"
import type { RtcDataChannel, RtcDataChannelHandlers } from "../PeerConnectionFactory.ts"

/** What is read of an event of a channel. */
export interface W3CDataChannelEvent {
  readonly data?: unknown
}

/** The part of the W3C `RTCDataChannel` that is used; satisfied by browsers and `@roamhq/wrtc`. */
export interface W3CDataChannelLike {
  readonly label: string
  readonly id: number | null
  readonly readyState: "connecting" | "open" | "closing" | "closed"
  readonly bufferedAmount: number
  /** wrtc declares it and does not have it. */
  bufferedAmountLowThreshold: number
  binaryType: string
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
  addEventListener(
    type: "open" | "close" | "error" | "message" | "bufferedamountlow",
    listener: (event: W3CDataChannelEvent) => void
  ): void
}

/** The peer connection that a channel belongs to. */
export interface Owner {
  /** Its scope has closed: nobody is told anything any more. */
  readonly isOver: () => boolean
  /** Runs until done, or until the peer connection's scope closes. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Where a channel comes from. */
export interface Origin {
  /**
   * For a channel of the far end, in a runtime that may mix up the messages which come while it hands a channel over: done when
   * all of those are there.
   */
  readonly handedOver?: Effect.Effect<void> | undefined
}

/** Milliseconds between two looks at a full channel, where the runtime does not say when it has drained. */
const lookEvery = 4

/** Wraps a channel. Events that come before the first handlers are kept for them. */
export const adopt = (channel: W3CDataChannelLike, owner: Owner, { handedOver }: Origin = {}): RtcDataChannel => {
  const { label } = channel
  let handlers: RtcDataChannelHandlers | null = null
  let early: Array<(handlers: RtcDataChannelHandlers) => void> | undefined = []
  let hasOpened = false
  let isClosed = false
  let unordered: Array<Uint8Array> | undefined = handedOver === undefined ? undefined : []

  const tell = (event: (handlers: RtcDataChannelHandlers) => void) => {
    if (owner.isOver()) return
    if (early !== undefined) early.push(event)
    else if (handlers !== null) event(handlers)
  }
  const open = () => {
    if (hasOpened || isClosed) return
    hasOpened = true
    tell(({ onOpen }) => onOpen())
  }
  const release = () => {
    const messages = unordered
    unordered = undefined
    if (messages !== undefined && messages.length > 0 && !isClosed)
      tell(({ onEarlyMessages }) => onEarlyMessages(messages))
  }
  if (handedOver !== undefined) owner.fork(Effect.andThen(handedOver, Effect.sync(release)))
  const isOpen = () => !isClosed && channel.readyState === "open"
  const low = lowEvent(channel, owner, () => tell(({ onBufferedAmountLow }) => onBufferedAmountLow()))

  channel.binaryType = "arraybuffer"
  channel.addEventListener("open", open)
  channel.addEventListener("message", ({ data }) => {
    if (isClosed) return
    const bytes = bytesOf(data)
    if (unordered !== undefined) unordered.push(bytes)
    else tell(({ onMessage }) => onMessage(bytes))
  })
  channel.addEventListener("error", (cause) => tell(({ onError }) => onError(cause)))
  channel.addEventListener("close", () => {
    if (isClosed) return
    release()
    isClosed = true
    tell(({ onClose }) => onClose())
  })
  // A channel of the far end may have opened before it was announced, and then has no such event.
  if (channel.readyState === "open") open()

  return {
    label,
    id: () => (isOpen() ? channel.id : null),
    readyState: () => (isClosed || owner.isOver() ? "closed" : channel.readyState),
    bufferedAmount: () => (isOpen() ? channel.bufferedAmount : 0),
    setBufferedAmountLowThreshold: low.setThreshold,
    send: (bytes) => {
      channel.send(isUnshared(bytes) ? bytes : new Uint8Array(bytes))
      low.sent()
    },
    close: () => {
      if (isClosed) return
      isClosed = true
      channel.close()
    },
    setHandlers: (next) => {
      handlers = next
      if (next === null || early === undefined) return
      const due = early
      early = undefined
      for (const event of due) event(next)
    }
  }
}

const noop = () => {}

/** Says when the buffer has run low: by the runtime's event, or by looking while there is something to wait for. */
const lowEvent = (channel: W3CDataChannelLike, { fork, isOver }: Owner, onLow: () => void) => {
  if ("bufferedAmountLowThreshold" in channel) {
    channel.addEventListener("bufferedamountlow", onLow)
    return {
      sent: noop,
      setThreshold: (bytes: number) => {
        channel.bufferedAmountLowThreshold = bytes
      }
    }
  }
  return watchBuffer(channel, fork, isOver, onLow)
}

const watchBuffer = (
  channel: Pick<W3CDataChannelLike, "bufferedAmount" | "readyState">,
  fork: Owner["fork"],
  isOver: Owner["isOver"],
  onLow: () => void
) => {
  let threshold = 0
  let isWatching = false
  const isFull = () => !isOver() && channel.readyState === "open" && channel.bufferedAmount > threshold
  const watch = Effect.sleep(lookEvery).pipe(
    Effect.repeat({ while: isFull }),
    Effect.andThen(
      Effect.sync(() => {
        isWatching = false
        if (channel.readyState === "open") onLow()
      })
    )
  )
  const look = () => {
    if (isWatching || !isFull()) return
    isWatching = true
    fork(watch)
  }
  return {
    sent: look,
    setThreshold: (bytes: number) => {
      threshold = bytes
      look()
    }
  }
}

// A view of shared memory is copied out of it: the W3C takes none.
const isUnshared = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer

const encoder = new TextEncoder()

const bytesOf = (data: unknown): Uint8Array =>
  data instanceof ArrayBuffer ? new Uint8Array(data) : encoder.encode(String(data))
