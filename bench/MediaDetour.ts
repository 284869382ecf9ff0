/**
 * A server by way of which the media of any client takes a UDP relay: what passes on the signal connection is read, the server's
 * candidates are replaced, and the client's are told to nobody. HTTP is passed on as it is.
 */
import {
  JoinRequest,
  SignalRequest,
  SignalResponse,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression
} from "@livekit/protocol"
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, request as httpRequest, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { gunzipSync } from "node:zlib"
import { type RawData, WebSocket, WebSocketServer } from "ws"
import { type UdpRelay, withoutCandidates } from "../test/fakes/UdpRelay.ts"

export interface MediaDetourOptions {
  /** Sees what is said on the signal connection. */
  readonly onMessage?: (from: "client" | "server", what: string) => void
}

/** Where to dial instead of `target`. */
export const make = (
  target: string,
  relay: UdpRelay,
  { onMessage }: MediaDetourOptions = {}
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false })

    const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      onMessage?.("client", "dial")
      const url = new URL(request.url ?? "", target)
      const join = url.searchParams.get("join_request")
      if (join !== null) url.searchParams.set("join_request", withoutOwnCandidates(join))
      stream.on("error", () => stream.destroy())
      const far = new WebSocket(url, { headers: passedOn(request), perMessageDeflate: false })
      far.on("error", () => stream.destroy())
      far.once("unexpected-response", (_, answer) => {
        const status = answer.statusCode ?? 502
        stream.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nconnection: close\r\n\r\n`)
        answer.pipe(stream)
      })
      far.once("open", () => upgrades.handleUpgrade(request, stream, head, (near) => bridge(near, far)))
    }

    const bridge = (near: WebSocket, far: WebSocket) => {
      pass(near, far, async (bytes) => {
        const request = SignalRequest.fromBinary(bytes)
        onMessage?.("client", request.message.case ?? "unknown")
        return fromClient(request)
      })
      pass(far, near, fromServer)
    }

    const fromServer = async (bytes: Buffer): Promise<Uint8Array | undefined> => {
      const response = SignalResponse.fromBinary(bytes)
      const { message } = response
      onMessage?.("server", message.case ?? "unknown")
      if (message.case === "answer" || message.case === "offer")
        message.value.sdp = await relay.relayedSdp(message.value.sdp)
      else if (message.case === "trickle") {
        // It is what the server wrote, which is what a client would read.
        const init = JSON.parse(message.value.candidateInit) as { readonly candidate: string }
        const candidate = await relay.relayed(init.candidate)
        if (candidate === undefined) return undefined
        message.value.candidateInit = JSON.stringify({ ...init, candidate })
      } else return bytes
      return response.toBinary()
    }

    const server = createServer((request, response) => {
      const { host, port } = new URL(target)
      const forwarded = httpRequest(
        { host: host.split(":")[0], port, path: request.url, method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        }
      )
      forwarded.on("error", () => response.destroy())
      request.pipe(forwarded)
    })
    server.on("upgrade", upgrade)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const client of upgrades.clients) client.terminate()
        server.close()
        server.closeAllConnections()
      })
    )
    return yield* Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`ws://127.0.0.1:${typeof address === "object" ? address?.port : ""}`))
      })
    })
  })

/** Headers of a dial that are the client's own and not those of its connection. */
const passedOn = ({ headers }: IncomingMessage) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(host|connection|upgrade|sec-websocket-.*)$/.test(name))
  )

const fromClient = (request: SignalRequest): Uint8Array | undefined => {
  const { message } = request
  if (message.case === "trickle") return undefined
  if (message.case === "offer" || message.case === "answer") message.value.sdp = withoutCandidates(message.value.sdp)
  return request.toBinary()
}

const withoutOwnCandidates = (parameter: string): string => {
  const wrapped = WrappedJoinRequest.fromBinary(Buffer.from(parameter, "base64url"))
  const isCompressed = wrapped.compression === WrappedJoinRequest_Compression.GZIP
  const join = JoinRequest.fromBinary(isCompressed ? gunzipSync(wrapped.joinRequest) : wrapped.joinRequest)
  if (join.publisherOffer !== undefined) join.publisherOffer.sdp = withoutCandidates(join.publisherOffer.sdp)
  const next = new WrappedJoinRequest({ joinRequest: join.toBinary() }).toBinary()
  return Buffer.from(next).toString("base64").replaceAll("+", "-").replaceAll("/", "_")
}

/** Passes frames on in order, and the end. */
const pass = (from: WebSocket, to: WebSocket, change: (bytes: Buffer) => Promise<Uint8Array | undefined>): void => {
  let last = Promise.resolve()
  const after = (run: () => void | Promise<void>) => {
    last = last.then(run).catch(() => to.terminate())
  }
  from.on("message", (data: RawData, isBinary: boolean) =>
    after(async () => {
      if (!Buffer.isBuffer(data)) return
      if (!isBinary) return to.send(data.toString("utf8"))
      const next = await change(data)
      if (next !== undefined && to.readyState === WebSocket.OPEN) to.send(next)
    })
  )
  from.on("error", () => from.terminate())
  from.on("close", (code) => after(() => (code === 1005 || code === 1006 ? to.terminate() : to.close(code))))
}
