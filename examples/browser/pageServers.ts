/**
 * A development server for each page that is open. It lives as long as a WebSocket of the page, which a browser closes with it,
 * however that goes. A request that is left unanswered would tell as much, but of those a browser has six to one host.
 */
import { Effect, FiberSet, type Scope } from "effect"
import type { Server } from "node:http"
import { WebSocketServer } from "ws"
import { path } from "./ownServer.ts"

export const pageServers = Effect.fnUntraced(function* (
  server: Server,
  open: Effect.Effect<string, unknown, Scope.Scope>
) {
  const fork = yield* FiberSet.makeRuntime()
  const sockets = new WebSocketServer({ server, path })
  yield* Effect.addFinalizer(() => Effect.sync(() => sockets.close()))
  sockets.on("connection", (socket) => {
    const lives = open.pipe(
      Effect.tap((url) => Effect.sync(() => socket.send(url))),
      Effect.andThen(Effect.never),
      Effect.scoped,
      Effect.tapError((error) => Effect.logError("no development server for a page", error)),
      Effect.ensuring(Effect.sync(() => socket.close()))
    )
    const fiber = fork(lives)
    socket.on("error", () => {})
    socket.on("close", () => fiber.interruptUnsafe())
  })
})
