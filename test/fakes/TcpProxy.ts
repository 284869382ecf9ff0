/**
 * A TCP proxy of the test's own in front of a server, with the faults that networks and load balancers have.
 */
import { Effect, type Scope } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"

export interface TcpProxy {
  /** `ws://127.0.0.1:port` */
  readonly url: string
  /** How many connections were made so far. */
  readonly dials: () => number
  /** Ends every connection without a close frame. */
  readonly cut: Effect.Effect<void>
  /** Closes the port: dials are refused until {@link accept}. */
  readonly refuse: Effect.Effect<void>
  readonly accept: Effect.Effect<void>
  /** Passes nothing on, either way, on the connections that exist; no FIN, no RST. */
  readonly stall: Effect.Effect<void>
  /** Answers the next requests with an HTTP status instead of passing them on. */
  readonly answer: (times: number, status: number, body: string) => Effect.Effect<void>
}

export const make = (target: string): Effect.Effect<TcpProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { hostname, port: targetPort } = new URL(target)
    const pairs = new Set<readonly [Socket, Socket]>()
    const state = { server: undefined as Server | undefined, dials: 0, answers: 0, answer: "" }

    const onConnection = (near: Socket) => {
      state.dials++
      if (state.answers > 0) {
        state.answers--
        near.on("error", () => near.destroy())
        near.once("data", () => near.end(state.answer))
        return
      }
      const far = connect(Number(targetPort), hostname)
      const pair = [near, far] as const
      pairs.add(pair)
      for (const [socket, other] of [pair, [far, near] as const]) {
        socket.setNoDelay(true)
        socket.on("data", (bytes) => void other.write(bytes))
        socket.on("end", () => other.end())
        socket.on("error", () => socket.destroy())
        socket.on("close", () => {
          other.destroy()
          pairs.delete(pair)
        })
      }
    }
    const listen = (port: number) =>
      Effect.callback<number>((resume) => {
        const server = createServer(onConnection)
        state.server = server
        server.listen(port, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
        })
      })
    const cut = Effect.sync(() => {
      for (const [near, far] of pairs) {
        near.resetAndDestroy()
        far.resetAndDestroy()
      }
    })
    const refuse = Effect.sync(() => void state.server?.close())
    const port = yield* listen(0)
    yield* Effect.addFinalizer(() => Effect.andThen(refuse, cut))
    return {
      url: `ws://127.0.0.1:${port}`,
      dials: () => state.dials,
      cut,
      refuse,
      accept: Effect.asVoid(listen(port)),
      stall: Effect.sync(() => {
        for (const pair of pairs) for (const socket of pair) socket.removeAllListeners("data").pause()
      }),
      answer: (times, status, body) =>
        Effect.sync(() => {
          state.answers = times
          state.answer =
            `HTTP/1.1 ${status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n` +
            `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
        })
    }
  })
