/**
 * A data channel of node-datachannel as the seam wants it.
 */
import type { DataChannel } from "node-datachannel"
import type { RtcDataChannel, RtcDataChannelHandlers } from "../PeerConnectionFactory.ts"

const noop = () => {}

/** Handlers that heed nothing. */
export const detached: RtcDataChannelHandlers = {
  onOpen: noop,
  onClose: noop,
  onError: noop,
  onMessage: noop,
  onEarlyMessages: noop,
  onBufferedAmountLow: noop
}

/** What is done when a channel has ended. */
export interface End {
  tell: () => void
}

/**
 * Watches for the end of a channel, whose native handle keeps the process alive until it has been reported. It is watched once, for
 * good: an end that is reported while the callback is replaced is lost. One that came before is never reported; the channel is not
 * open then, and its handle is freed when it is collected, so the callback may keep nothing alive but what it is told to do.
 */
export const watchEnd = (channel: DataChannel): End => {
  const end: End = { tell: noop }
  channel.onClosed(() => end.tell())
  return end
}

/** Where a channel comes from. */
export interface Origin {
  /** For a channel of the far end, which is watched before anything else. */
  readonly end?: End
  /**
   * For a channel of the far end: runs a function when what the native thread passed on during the handover is there. Once a
   * message callback is set, two threads empty the same buffer, and the order of what was in it is lost.
   */
  readonly whenHandedOver?: (then: () => void) => void
  /** For a channel of our own: runs a function a little later, when native threads have had their turn. */
  readonly later?: (then: () => void) => void
}

/** A channel that can be told more than the seam knows of. */
export interface NodeRtcDataChannel extends RtcDataChannel {
  /**
   * The transport of a channel of our own stands: it is open from now on, as in browsers. libdatachannel says so only when the far
   * end has acknowledged it, a round trip later, for which RFC 8832 does not wait.
   */
  readonly openEarly: () => void
}

/** Wraps a native channel. Its state is kept here, because a closed native channel may not be asked. */
export const adopt = (
  channel: DataChannel,
  { end = watchEnd(channel), later, whenHandedOver }: Origin = {}
): NodeRtcDataChannel => {
  const label = channel.getLabel()
  let handlers = detached
  let state: "connecting" | "open" | "closed" = channel.isOpen() ? "open" : "connecting"
  let isListening = false
  let unordered: Array<Uint8Array> | undefined
  /** What libdatachannel did not take yet; there while it waits for the far end to acknowledge the channel. */
  let early: Array<Uint8Array> | undefined

  const release = () => {
    const messages = unordered
    unordered = undefined
    if (messages !== undefined && messages.length > 0) handlers.onEarlyMessages(messages)
  }

  // libdatachannel keeps messages until a callback is set, so none is set before there is somebody to take them.
  const listen = () => {
    if (isListening) return
    isListening = true
    if (whenHandedOver !== undefined) {
      unordered = []
      whenHandedOver(release)
    }
    channel.onMessage((data) => {
      if (unordered !== undefined) unordered.push(bytesOf(data))
      else handlers.onMessage(bytesOf(data))
    })
    channel.onBufferedAmountLow(() => handlers.onBufferedAmountLow())
  }
  const open = () => {
    if (state !== "connecting") return
    state = "open"
    handlers.onOpen()
  }
  channel.onOpen(() => {
    open()
    const messages = early ?? []
    early = undefined
    if (state === "open") for (const bytes of messages) send(bytes)
  })
  end.tell = () => {
    if (state === "closed") return
    release()
    state = "closed"
    handlers.onClose()
  }
  channel.onError((cause) => handlers.onError(new Error(cause)))

  // False means buffered, not refused; what is refused throws.
  const send = (bytes: Uint8Array) => {
    if (early === undefined) return void channel.sendMessageBinary(bytes)
    if (early.length > 0) return void early.push(bytes)
    try {
      channel.sendMessageBinary(bytes)
    } catch (cause) {
      // The state that opens it early is told by a native thread just before that thread asks for the channel.
      if (later === undefined || channel.isOpen() || !String(cause).includes("not open")) throw cause
      early.push(bytes)
      later(sendEarly)
    }
  }
  const sendEarly = () => {
    if (early === undefined || state !== "open") return
    for (const bytes of early.splice(0)) send(bytes)
  }

  return {
    label,
    id: () => (state === "open" ? channel.getId() : null),
    readyState: () => state,
    bufferedAmount: () => (state === "open" ? channel.bufferedAmount() : 0),
    setBufferedAmountLowThreshold: (bytes) => {
      if (state !== "closed") channel.setBufferedAmountLowThreshold(bytes)
    },
    send,
    close: () => {
      if (state === "closed") return
      state = "closed"
      channel.close()
    },
    openEarly: () => {
      if (state !== "connecting") return
      early = []
      open()
    },
    setHandlers: (next) => {
      handlers = next ?? detached
      if (next === null) return
      if (state === "closed") return next.onClose()
      if (state === "open") next.onOpen()
      listen()
    }
  }
}

const encoder = new TextEncoder()

const bytesOf = (data: string | ArrayBuffer | Uint8Array): Uint8Array =>
  typeof data === "string" ? encoder.encode(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : data
