/**
 * HTTP and WebSocket in front of the rooms: the routes of a LiveKit server, with its statuses and bodies (LiveKit server 1.13).
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import type { Claims } from "../room/Claims.ts"
import type { DialRequest } from "../room/JoinParameters.ts"
import { Refusal } from "../room/Refusal.ts"
import type { RoomServer } from "../room/RoomServer.ts"
import * as SocketUpgrade from "./SocketUpgrade.ts"

export interface HttpListener {
  /** Listens on loopback; succeeds with the port. */
  readonly listen: (port: number) => Effect.Effect<number, unknown>
  /** Stops listening; sockets that were upgraded live on. */
  readonly close: Effect.Effect<void>
}

/** What is sent in answer to a request that is not upgraded. */
interface Answer {
  readonly status: number
  readonly body: string
}

/** As much as a LiveKit server reads of a request line and headers, in bytes. */
const maxHeaderSize = 1024 * 1024

const notFound: Answer = { status: 404, body: "404 page not found\n" }

export const make = Effect.fnUntraced(function* (options: {
  readonly rooms: Effect.Effect<RoomServer>
  readonly hasV1: boolean
}): Effect.fn.Return<HttpListener, never, Scope.Scope> {
  const fork = yield* FiberSet.makeRuntime()
  const upgrades = yield* SocketUpgrade.make
  const isRoute = ({ path }: DialRequest, suffix: "" | "/validate") =>
    path === `/rtc${suffix}` || (options.hasV1 && path === `/rtc/v1${suffix}`)

  const headersOf = (dial: DialRequest, { body }: Answer) => ({
    ...(body === "" ? {} : { "content-type": "text/plain; charset=utf-8" }),
    ...(isRoute(dial, "/validate") ? anyOrigin : {})
  })
  const answerTo = (rooms: RoomServer, request: DialRequest, claims: Claims | undefined) => {
    if (isRoute(request, "/validate")) {
      return Effect.as(rooms.validate(request, claims), { status: 200, body: "success" })
    }
    if (request.path === "/") return Effect.succeed({ status: 200, body: "OK" })
    return Effect.succeed(isRoute(request, "") ? { status: 404, body: "" } : notFound)
  }
  /** Answers by `write`, or upgrades where that is asked for and the dial is let in. A bad token is refused on any route. */
  const serve = (request: DialRequest, write: (answer: Answer) => void, upgrade?: SocketUpgrade.Upgrade) =>
    Effect.gen(function* () {
      const rooms = yield* options.rooms
      const claims = yield* rooms.authenticate(request)
      if (upgrade === undefined || !isRoute(request, "")) return write(yield* answerTo(rooms, request, claims))
      const admission = yield* rooms.admit(request, claims)
      yield* rooms.accept(admission, yield* upgrade)
    }).pipe(Effect.catch(({ body, status }: Refusal) => Effect.sync(() => write({ status, body }))))
  /** Runs until it is done, the client has gone, or the listener ends. */
  const run = (effect: Effect.Effect<void>, stream: Duplex) => {
    const fiber = fork(effect)
    const interrupt = () => fiber.interruptUnsafe()
    stream.once("close", interrupt)
    fiber.addObserver(() => stream.off("close", interrupt))
  }

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const isPreflight = request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined
    if (isPreflight) return response.writeHead(204, preflight).end()
    const dial = dialOf(request)
    const write = (answer: Answer) => {
      response.writeHead(answer.status, headersOf(dial, answer))
      response.end(answer.body)
    }
    return run(serve(dial, write), request.socket)
  }

  const onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => stream.destroy())
    const dial = dialOf(request)
    const write = (answer: Answer) => {
      const { body, status } = answer
      const headers = { connection: "close", "content-length": Buffer.byteLength(body), ...headersOf(dial, answer) }
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      stream.end(`HTTP/1.1 ${status} Refused\r\n${lines.join("")}\r\n${body}`)
    }
    run(serve(dial, write, upgrades.upgrade(request, stream, head)), stream)
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
        const server = createServer({ maxHeaderSize }, onRequest)
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

const anyOrigin = { "access-control-allow-origin": "*" }

const preflight = {
  ...anyOrigin,
  "access-control-allow-headers": "*",
  "access-control-allow-methods": "GET, HEAD, OPTIONS"
}

const dialOf = ({ headers, url = "/" }: IncomingMessage): DialRequest => {
  const [path = "", ...query] = url.split("?")
  return {
    // Clients that append a path to a URL with a slash at its end ask for two.
    path: path.startsWith("//") ? path.slice(1) : path,
    query: new URLSearchParams(query.join("?")),
    authorization: headers.authorization
  }
}
