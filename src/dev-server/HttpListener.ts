/**
 * HTTP and WebSocket in front of the rooms: the routes of a LiveKit server, with its statuses and bodies (`server.md` 3.1).
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import { type RawData, type WebSocket, WebSocketServer } from "ws"
import type { DialRequest } from "../room/JoinParameters.ts"
import { Refusal } from "../room/Refusal.ts"
import type { RoomServer } from "../room/RoomServer.ts"
import type { SignalSocket } from "../room/SignalSocket.ts"

export interface HttpListener {
  /** Listens on loopback; succeeds with the port. */
  readonly listen: (port: number) => Effect.Effect<number, unknown>
  /** Stops listening; sockets that were upgraded live on. */
  readonly close: Effect.Effect<void>
}

/** Largest frame a LiveKit server reads (W3). */
const maxFrame = 2 * 1024 * 1024

const notFound = new Refusal({ status: 404, body: "404 page not found\n" })

export const make = Effect.fnUntraced(function* (options: {
  readonly rooms: Effect.Effect<RoomServer>
  readonly hasV1: boolean
}): Effect.fn.Return<HttpListener, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const fork = (effect: Effect.Effect<void>) => void run(Effect.forkIn(effect, scope))
  const upgrades = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocketServer({ noServer: true, maxPayload: maxFrame })),
    (server) =>
      Effect.sync(() => {
        for (const client of server.clients) client.terminate()
        server.close()
      })
  )

  const admit = (request: DialRequest) => Effect.flatMap(options.rooms, (rooms) => rooms.admit(request))
  const isKnown = (path: string, suffix: string) =>
    path === `/rtc${suffix}` || (options.hasV1 && path === `/rtc/v1${suffix}`)

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const dial = dialOf(request)
    const isValidate = isKnown(dial.path, "/validate")
    const answer = (status: number, body: string) => {
      response.writeHead(status, {
        "content-type": "text/plain; charset=utf-8",
        "access-control-allow-origin": "*",
        "access-control-allow-headers": "*"
      })
      response.end(body)
    }
    if (request.method === "OPTIONS") return answer(204, "")
    if (dial.path === "/") return answer(200, "OK")
    if (isKnown(dial.path, "")) return answer(404, "")
    if (!isValidate) return answer(notFound.status, notFound.body)
    fork(
      admit(dial).pipe(
        Effect.map(() => answer(200, "success")),
        Effect.catch((refusal) => Effect.sync(() => answer(refusal.status, refusal.body)))
      )
    )
  }

  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const dial = dialOf(request)
    const refuse = ({ body, status }: Refusal) =>
      Effect.sync(() => {
        stream.end(
          `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n` +
            `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
        )
      })
    stream.on("error", () => stream.destroy())
    if (!isKnown(dial.path, "")) return fork(refuse(notFound))
    fork(
      admit(dial).pipe(
        Effect.flatMap((admission) =>
          Effect.flatMap(upgrade(upgrades, request, stream, head), (socket) =>
            Effect.flatMap(options.rooms, (rooms) => rooms.accept(admission, socket))
          )
        ),
        Effect.catch(refuse)
      )
    )
  }

  const open = { server: undefined as Server | undefined }
  // Not awaited to its end: that would wait for the sockets that were upgraded, which live on.
  const close = Effect.sync(() => {
    open.server?.close()
    open.server?.closeAllConnections()
    open.server = undefined
  }).pipe(Effect.andThen(Effect.yieldNow))
  yield* Effect.addFinalizer(() => close)

  return {
    close,
    listen: (port) =>
      Effect.callback<number, unknown>((resume) => {
        const server = createServer(onRequest)
        server.on("upgrade", onUpgrade)
        server.once("error", (cause) => resume(Effect.fail(cause)))
        server.listen(port, "127.0.0.1", () => {
          open.server = server
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
        })
      })
  }
})

const dialOf = (request: IncomingMessage): DialRequest => {
  const url = new URL(request.url ?? "/", "http://localhost")
  return {
    path: url.pathname.replace(/\/{2,}/g, "/"),
    query: url.searchParams,
    authorization: request.headers.authorization
  }
}

const upgrade = (upgrades: WebSocketServer, request: IncomingMessage, stream: Duplex, head: Buffer) =>
  Effect.callback<SignalSocket>((resume) => {
    upgrades.handleUpgrade(request, stream, head, (socket) => resume(Effect.sync(() => signalSocket(socket))))
  })

const signalSocket = (socket: WebSocket): SignalSocket => {
  const frames = Effect.runSync(Queue.unbounded<Uint8Array, Cause.Done>())
  socket.binaryType = "nodebuffer"
  socket.on("message", (data: RawData, isBinary: boolean) => {
    // Only binary signalling is spoken here; a text frame is left unanswered.
    if (isBinary && Buffer.isBuffer(data)) Queue.offerUnsafe(frames, data)
  })
  socket.on("error", () => socket.terminate())
  socket.on("close", () => void Queue.endUnsafe(frames))
  return {
    frames,
    send: (bytes) => {
      if (socket.readyState === socket.OPEN) socket.send(bytes)
    },
    close: (code) => socket.close(code),
    destroy: () => socket.terminate()
  }
}
