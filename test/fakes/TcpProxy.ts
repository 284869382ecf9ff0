/**
 * A TCP proxy of the test's own in front of a server, with the faults that networks and load balancers have.
 */
import { Effect, type Scope } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"
import { performance } from "node:perf_hooks"
import * as Delay from "./Delay.ts"

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

export interface TcpProxyOptions {
  /** Milliseconds that everything takes, each way, the handshake of a dial included. Default 0. */
  readonly delay?: number
}

export const make = (
  target: string,
  { delay = 0 }: TcpProxyOptions = {}
): Effect.Effect<TcpProxy, never, Scope.Scope> =>
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
      // Who dials is told at once that it is connected, and may not gain by that.
      const opened = performance.now() + 2 * delay
      const far = connect(Number(targetPort), hostname)
      const pair = [near, far] as const
      pairs.add(pair)
      for (const [socket, other] of [pair, [far, near] as const]) {
        const later = Delay.make(delay)
        socket.setNoDelay(true)
        socket.on("data", (bytes) => later(() => other.write(bytes), opened))
        socket.on("end", () => later(() => other.end(), opened))
        socket.on("error", () => socket.destroy())
        socket.on("close", () => {
          later(() => other.destroy())
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
