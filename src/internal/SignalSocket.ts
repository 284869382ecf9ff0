/**
 * A WebSocket as a scoped resource with its frames in a queue. The end of the socket comes through the queue, after the frames
 * that came before it.
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { WebSocketConstructor, type WebSocketLike } from "../WebSocketConstructor.ts"
import { redactCause } from "./redact.ts"

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
    const socket = yield* Effect.acquireRelease(
      Effect.try({
        try: () => construct(url),
        catch: (cause) => new SocketRefused({ cause: redactCause(cause, secret) })
      }),
      (socket) => Effect.sync(() => release(socket))
    )
    socket.binaryType = "arraybuffer"
    yield* Effect.callback<void, SocketRefused>((resume) => {
      socket.onopen = () => resume(Effect.void)
      socket.onerror = noop
      socket.onclose = ({ code, reason }) => {
        resume(Effect.fail(new SocketRefused({ cause: new Error(`closed with code ${code}`) })))
        end(code, reason)
      }
      socket.onmessage = ({ data }) => {
        Queue.offerUnsafe(frames, data instanceof ArrayBuffer ? new Uint8Array(data) : "text")
      }
    })
    return {
      frames,
      sendUnsafe: (bytes) => {
        if (socket.readyState !== 1) return false
        socket.send(bytes)
        return true
      },
      closeUnsafe: (code, why) => {
        release(socket, code, why)
        end(code, why)
      }
    }
  })

const release = (socket: WebSocketLike, code = 1000, why?: string) => {
  socket.onopen = noop
  socket.onmessage = noop
  socket.onerror = noop
  socket.onclose = noop
  if (socket.readyState < 2) socket.close(code, why)
}
