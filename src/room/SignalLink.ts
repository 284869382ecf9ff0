/**
 * The signal connection of a participant, over all the sockets that come after each other.
 */
import type { SignalResponse } from "@livekit/protocol"
import * as SignalFormat from "./SignalFormat.ts"
import type { Frame, SignalSocket } from "./SignalSocket.ts"

export interface SignalLink {
  readonly socket: () => SignalSocket | undefined
  /** Does nothing while there is no socket, or it is stalled. */
  readonly send: (message: SignalResponse["message"]) => void
  /** Uses this socket from now on; the one before is closed with 1000 (Q2). */
  readonly attach: (socket: SignalSocket) => void
  /** False for a frame that is not to be heard: it is of an earlier socket, or of one that is stalled. */
  readonly hears: (socket: SignalSocket, frame: Frame) => boolean
  /** Whether the participant is without a signal connection now that this socket has ended. */
  readonly lost: (socket: SignalSocket) => boolean
  /** Closes with 1000, the only code a LiveKit server uses (W4). */
  readonly close: () => void
  readonly stall: () => void
}

export const make = (): SignalLink => {
  const self = {
    socket: undefined as SignalSocket | undefined,
    format: "protobuf" as SignalFormat.SignalFormat,
    isStalled: false
  }
  return {
    socket: () => self.socket,
    send: (message) => {
      if (!self.isStalled) self.socket?.send(SignalFormat.encode(self.format, message))
    },
    attach: (socket) => {
      self.socket?.close(1000)
      self.socket = socket
      self.format = "protobuf"
      self.isStalled = false
    },
    hears: (socket, frame) => {
      if (self.isStalled || self.socket !== socket) return false
      self.format = SignalFormat.formatOf(frame)
      return true
    },
    lost: (socket) => {
      if (self.socket !== socket) return false
      self.socket = undefined
      return true
    },
    close: () => self.socket?.close(1000),
    stall: () => {
      self.isStalled = true
    }
  }
}
