/**
 * One end of a data channel between two linked peer connections.
 */
import type { DataChannelOptions, RtcDataChannel, RtcDataChannelHandlers } from "../PeerConnectionFactory.ts"

/** How a channel reaches its other end. */
export interface Wire {
  readonly data: (bytes: Uint8Array, onSent: () => void) => void
  readonly close: () => void
}

export interface LinkedDataChannel {
  readonly id: number
  readonly label: string
  readonly options: DataChannelOptions
  readonly rtc: RtcDataChannel
  /** The way to the other end exists from now on; the channel is not open yet. */
  readonly connect: (wire: Wire) => void
  readonly opened: () => void
  readonly received: (bytes: Uint8Array) => void
  /** The other end closed it, or the association is gone. */
  readonly closed: () => void
}

export const make = (spec: {
  readonly id: number
  readonly label: string
  readonly options: DataChannelOptions
  readonly maxMessageSize: () => number
}): LinkedDataChannel => {
  const self = {
    state: "connecting" as "connecting" | "open" | "closed",
    handlers: undefined as RtcDataChannelHandlers | null | undefined,
    wire: undefined as Wire | undefined,
    buffered: 0,
    threshold: 0
  }
  /** Messages from before anybody listened. */
  const early: Array<Uint8Array> = []

  const close = (tell: boolean) => {
    if (self.state === "closed") return
    self.state = "closed"
    if (tell) self.wire?.close()
    else self.handlers?.onClose()
  }
  const onSent = (size: number) => () => {
    const before = self.buffered
    self.buffered -= size
    if (before > self.threshold && self.buffered <= self.threshold) self.handlers?.onBufferedAmountLow()
  }

  const rtc: RtcDataChannel = {
    label: spec.label,
    id: () => (self.state === "open" ? spec.id : null),
    readyState: () => self.state,
    bufferedAmount: () => self.buffered,
    setBufferedAmountLowThreshold: (bytes) => {
      self.threshold = bytes
    },
    send: (bytes) => {
      if (self.state !== "open" || self.wire === undefined)
        throw new Error(`the channel ${spec.label} is ${self.state}`)
      const max = spec.maxMessageSize()
      if (bytes.length > max) throw new Error(`a message of ${bytes.length} bytes is over the limit of ${max}`)
      self.buffered += bytes.length
      self.wire.data(bytes.slice(), onSent(bytes.length))
    },
    close: () => close(true),
    setHandlers: (handlers) => {
      const isFirst = self.handlers === undefined
      self.handlers = handlers
      if (handlers === null || !isFirst) return
      if (self.state === "open") handlers.onOpen()
      for (const bytes of early.splice(0)) handlers.onMessage(bytes)
      if (self.state === "closed") handlers.onClose()
    }
  }
  return {
    id: spec.id,
    label: spec.label,
    options: spec.options,
    rtc,
    connect: (wire) => {
      self.wire = wire
    },
    opened: () => {
      if (self.state !== "connecting") return
      self.state = "open"
      self.handlers?.onOpen()
    },
    received: (bytes) => {
      if (self.state === "closed") return
      if (self.handlers === undefined) early.push(bytes)
      else self.handlers?.onMessage(bytes)
    },
    closed: () => close(false)
  }
}
