/**
 * A WebSocket as a scoped resource with its frames in a queue. The end of the socket comes through the queue, after the frames
 * that came before it.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import {
  WebSocketConstructor,
  type WebSocketEvent,
  type WebSocketEventType,
  type WebSocketLike
} from "../WebSocketConstructor.ts"
import { redactCause, redactText } from "./redact.ts"

/** The socket ended; `code` is 1006 when it did so without a close frame. */
export class SocketEnded extends Data.TaggedError("SocketEnded")<{ readonly code: number; readonly why: string }> {}

/** The socket never opened. */
export class SocketRefused extends Data.TaggedError("SocketRefused")<{ readonly cause: unknown }> {}

/** A binary frame, or a sign that a text frame came (SC9). */
export type Frame = Uint8Array | "text"

export interface SignalSocket {
  readonly frames: Queue.Dequeue<Frame, SocketEnded>
  /** False when the socket is not open: nothing was sent. */
  readonly sendUnsafe: (bytes: Uint8Array) => boolean
  /** Closes with a code and ends `frames` with it. */
  readonly closeUnsafe: (code: number, why: string) => void
}

const noop = () => {}

/** Dials; succeeds once open. Closing the scope closes the socket with 1000. */
export const open = (
  url: string,
  secret: string
): Effect.Effect<SignalSocket, SocketRefused, Scope.Scope | WebSocketConstructor> =>
  Effect.gen(function* () {
    const construct = yield* WebSocketConstructor
    const frames = yield* Queue.unbounded<Frame, SocketEnded>()
    const end = (code: number, why: string) => {
      Queue.failCauseUnsafe(frames, Cause.fail(new SocketEnded({ code, why })))
    }
    const listeners: Listeners = {
      open: noop,
      message: ({ data }) => {
        Queue.offerUnsafe(frames, data instanceof ArrayBuffer ? new Uint8Array(data) : "text")
      },
      // What went wrong is only in the close that follows.
      error: noop,
      close: ({ code = 1006, reason = "" }) => end(code, redactText(reason, secret))
    }
    const socket = yield* Effect.acquireRelease(
      Effect.try({
        try: () => construct(url),
        catch: (cause) => new SocketRefused({ cause: redactCause(cause, secret) })
      }),
      (socket) => Effect.sync(() => release(socket, listeners, 1000))
    )
    socket.binaryType = "arraybuffer"
    for (const type of eventTypes) socket.addEventListener(type, listeners[type])
    yield* Effect.callback<void, SocketRefused>((resume) => {
      const settle = (outcome: Effect.Effect<void, SocketRefused>) => {
        stop()
        resume(outcome)
      }
      const opened = () => settle(Effect.void)
      const refuse = (why: string) => settle(Effect.fail(new SocketRefused({ cause: new Error(why) })))
      const closed = ({ code = 1006 }: WebSocketEvent) => refuse(`closed with code ${code}`)
      // Node 22 says no more than this when nobody listens: there is no close.
      const failed = () => refuse("it could not be opened")
      const stop = () => {
        socket.removeEventListener("open", opened)
        socket.removeEventListener("close", closed)
        socket.removeEventListener("error", failed)
      }
      socket.addEventListener("open", opened)
      socket.addEventListener("close", closed)
      socket.addEventListener("error", failed)
      return Effect.sync(stop)
    })
    return {
      frames,
      sendUnsafe: (bytes) => {
        if (socket.readyState !== 1) return false
        socket.send(new Uint8Array(bytes))
        return true
      },
      closeUnsafe: (code, why) => {
        release(socket, listeners, code, why)
        end(code, why)
      }
    }
  })

type Listeners = Readonly<Record<WebSocketEventType, (event: WebSocketEvent) => void>>

const eventTypes: ReadonlyArray<WebSocketEventType> = ["open", "message", "error", "close"]

const release = (socket: WebSocketLike, listeners: Listeners, code: number, why?: string) => {
  for (const type of eventTypes) if (type !== "error") socket.removeEventListener(type, listeners[type])
  if (socket.readyState < 2) socket.close(code, why)
}
