import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocketServer } from "ws"
import { openWebSocket } from "../src/node/openWebSocket.ts"
import type { WebSocketLike } from "../src/WebSocketConstructor.ts"

describe("the WebSocket in Node", () => {
  it.live("dials once, though the server answers 401", () =>
    Effect.gen(function* () {
      const dials: Array<string> = []
      const url = yield* listen(({ url = "" }, stream) => {
        dials.push(url)
        stream.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
      })
      const socket = openWebSocket(`${url}/rtc`)
      yield* failed(socket)
      assert.deepStrictEqual(dials, ["/rtc"])
    })
  )

  it.live("is done with a far end that never closes, a few seconds after its own close", () =>
    Effect.gen(function* () {
      const server = new WebSocketServer({ noServer: true })
      const url = yield* listen((request, stream, head) => {
        // Nothing is read from here on, so that the close is not seen.
        server.handleUpgrade(request, stream, head, () => stream.pause())
      })
      const socket = openWebSocket(url)
      yield* Effect.promise(() => new Promise((resolve) => socket.addEventListener("open", () => resolve(undefined))))
      socket.close(1000)
      assert.strictEqual(socket.readyState, WebSocket.CLOSING)
      yield* closed(socket)
      assert.strictEqual(socket.readyState, WebSocket.CLOSED)
    })
  )

  it.live("hears what a server says that closes, and hangs up, right after it", () =>
    Effect.gen(function* () {
      const server = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } })
      const url = yield* listen((request, stream, head) =>
        server.handleUpgrade(request, stream, head, (far) =>
          far.send(new Uint8Array(10), () => {
            far.close(1000)
            stream.end()
          })
        )
      )
      const socket = openWebSocket(url)
      const heard: Array<unknown> = []
      socket.binaryType = "arraybuffer"
      socket.addEventListener("message", ({ data }) => heard.push(data))
      assert.strictEqual(yield* closed(socket), 1000)
      assert.deepStrictEqual(heard, [new ArrayBuffer(10)])
    })
  )

  it.live("can be closed while it dials", () =>
    Effect.gen(function* () {
      const url = yield* listen(() => {})
      const socket = openWebSocket(url)
      socket.close(1000)
      assert.strictEqual(yield* closed(socket), 1006)
    })
  )

  it.live("sends what it was given before it closes", () =>
    Effect.gen(function* () {
      const server = new WebSocketServer({ noServer: true })
      const heard: Array<number> = []
      const url = yield* listen((request, stream, head) =>
        server.handleUpgrade(request, stream, head, (far) => {
          far.on("message", (data: Buffer) => heard.push(data.length))
        })
      )
      const socket = openWebSocket(url)
      yield* Effect.promise(() => new Promise((resolve) => socket.addEventListener("open", () => resolve(undefined))))
      socket.send(new Uint8Array(300_000))
      socket.close(1000)
      assert.strictEqual(yield* closed(socket), 1000)
      assert.deepStrictEqual(heard, [300_000])
    })
  )
})

const listen = (onUpgrade: (request: IncomingMessage, stream: Duplex, head: Buffer) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const streams: Array<Duplex> = []
      const server = createServer()
      server.on("upgrade", (request, stream, head) => {
        streams.push(stream.on("error", () => {}))
        onUpgrade(request, stream, head)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          for (const stream of streams) stream.destroy()
          server.close()
        }
        resume(Effect.succeed({ url: `ws://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ url }) => url))

const closed = (socket: WebSocketLike) =>
  Effect.callback<number>((resume) => socket.addEventListener("close", ({ code }) => resume(Effect.succeed(code ?? 0))))

const failed = (socket: WebSocketLike) =>
  Effect.callback<void>((resume) => socket.addEventListener("error", () => resume(Effect.void)))
