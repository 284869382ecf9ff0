/**
 * A data channel without a network: the test is the far end and decides when it opens, drains and closes.
 */
import type { PeerConnectionFactory } from "effect-livekit"

type Handlers = PeerConnectionFactory.RtcDataChannelHandlers

export interface FakeDataChannel {
  readonly channel: PeerConnectionFactory.RtcDataChannel
  /** What was handed to the network, oldest first. */
  readonly sent: Array<Uint8Array>
  readonly open: () => void
  readonly closeByPeer: () => void
  readonly receive: (bytes: Uint8Array) => void
  /** Hands over what came before the channel was, in the order given. */
  readonly receiveEarly: (messages: ReadonlyArray<Uint8Array>) => void
  /** Takes bytes off the buffer until this many are left, and says so when that passes the threshold. */
  readonly drainTo: (bytes: number) => void
  /** Makes the runtime refuse what is sent next. */
  readonly refuse: (cause: unknown) => void
}

export const make = (label: string, initial: "connecting" | "open" = "connecting"): FakeDataChannel => {
  const sent: Array<Uint8Array> = []
  const early: Array<Uint8Array> = []
  let handlers: Handlers | null = null
  let wasAttached = false
  let state: "connecting" | "open" | "closed" = initial
  let buffered = 0
  let threshold = 0
  let refusal: { readonly cause: unknown } | undefined
  const close = () => {
    if (state === "closed") return
    state = "closed"
    handlers?.onClose()
  }
  return {
    sent,
    open: () => {
      state = "open"
      handlers?.onOpen()
    },
    closeByPeer: close,
    receive: (bytes) => (wasAttached ? handlers?.onMessage(bytes) : void early.push(bytes)),
    receiveEarly: (messages) => handlers?.onEarlyMessages(messages),
    drainTo: (bytes) => {
      const before = buffered
      buffered = Math.min(before, bytes)
      if (before > threshold && buffered <= threshold) handlers?.onBufferedAmountLow()
    },
    refuse: (cause) => {
      refusal = { cause }
    },
    channel: {
      label,
      id: () => (state === "open" ? 1 : null),
      readyState: () => state,
      // As in browsers, the amount is not reset by closing.
      bufferedAmount: () => buffered,
      setBufferedAmountLowThreshold: (bytes) => {
        threshold = bytes
      },
      send: (bytes) => {
        if (state !== "open") throw new Error("the fake channel is not open")
        if (refusal !== undefined) {
          const { cause } = refusal
          refusal = undefined
          throw cause
        }
        sent.push(bytes)
        buffered += bytes.length
      },
      close,
      setHandlers: (next) => {
        handlers = next
        if (next === null || wasAttached) return
        wasAttached = true
        if (state === "open") next.onOpen()
        for (const bytes of early.splice(0)) next.onMessage(bytes)
        if (state === "closed") next.onClose()
      }
    }
  }
}
