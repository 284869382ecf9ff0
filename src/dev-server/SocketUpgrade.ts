/**
 * From HTTP requests to the sockets of signal connections, by `ws`.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { type RawData, type WebSocket, WebSocketServer } from "ws"
import type { Frame, SignalSocket } from "../room/SignalSocket.ts"

/** Completes an upgrade; does not return when the request turns out to be none. */
export type Upgrade = Effect.Effect<SignalSocket>

/** Largest frame a LiveKit server reads, in bytes; a larger one closes with 1009 (W3). */
const maxFrame = 2 * 1024 * 1024

/** W5. */
const pingInterval = "10 seconds"

/** Upgrades in the current scope; its end ends all sockets. */
export const make: Effect.Effect<
  { readonly upgrade: (request: IncomingMessage, stream: Duplex, head: Buffer) => Upgrade },
  never,
  Scope.Scope
> = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocketServer({ noServer: true, maxPayload: maxFrame })),
    (server) =>
      Effect.sync(() => {
        for (const client of server.clients) client.terminate()
        server.close()
      })
  )
  return {
    upgrade: Effect.fnUntraced(function* (request: IncomingMessage, stream: Duplex, head: Buffer) {
      // Made before, because frames can come in the same turn as the upgrade.
      const frames = yield* Queue.unbounded<Frame, Cause.Done>()
      const socket = yield* Effect.callback<WebSocket>((resume) => {
        server.handleUpgrade(request, stream, head, (socket) => {
          listen(socket, frames)
          resume(Effect.succeed(socket))
        })
      })
      yield* Effect.sync(() => socket.ping()).pipe(
        Effect.schedule(Schedule.spaced(pingInterval)),
        Effect.raceFirst(closed(socket)),
        Effect.forkIn(scope)
      )
      return {
        frames,
        send: (frame: Frame) => {
          if (socket.readyState === socket.OPEN) socket.send(frame)
        },
        close: (code: number) => socket.close(code),
        destroy: () => socket.terminate()
      }
    })
  }
})

const listen = (socket: WebSocket, frames: Queue.Queue<Frame, Cause.Done>) => {
  socket.binaryType = "nodebuffer"
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (Buffer.isBuffer(data)) Queue.offerUnsafe(frames, isBinary ? data : data.toString("utf8"))
  })
  // Said before the close that follows; `ws` itself closes for a frame that breaks the rules.
  socket.on("error", () => {})
  socket.on("close", () => void Queue.endUnsafe(frames))
}

const closed = (socket: WebSocket) =>
  Effect.callback<void>((resume) => {
    const done = () => resume(Effect.void)
    if (socket.readyState === socket.CLOSED) return done()
    socket.once("close", done)
    return Effect.sync(() => void socket.off("close", done))
  })
