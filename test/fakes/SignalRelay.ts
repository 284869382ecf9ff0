/**
 * A TCP relay on loopback in front of a server, whose connections can be cut without a word to either side.
 */
import { Effect } from "effect"
import { connect, createServer, type Server, type Socket } from "node:net"

export const make = Effect.fnUntraced(function* (target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  }
  const listen = (ownPort: number) =>
    Effect.callback<Server>((resume) => {
      const server = createServer((client) => {
        const upstream = connect(Number(port), hostname)
        track(client)
        track(upstream)
        client.pipe(upstream).pipe(client)
        client.on("close", () => upstream.destroy())
        upstream.on("close", () => client.destroy())
      })
      server.listen(ownPort, "127.0.0.1", () => resume(Effect.succeed(server)))
    })
  const cut = Effect.sync(() => {
    for (const socket of sockets) socket.destroy()
  })
  const self = { server: yield* listen(0) }
  const address = self.server.address()
  const ownPort = typeof address === "object" && address !== null ? address.port : 0
  const close = Effect.sync(() => void self.server.close()).pipe(Effect.andThen(cut))
  yield* Effect.addFinalizer(() => close)
  return {
    url: `ws://127.0.0.1:${ownPort}`,
    /** Ends all connections. */
    cut,
    /** Ends all connections and refuses new ones for some milliseconds. */
    refuse: (millis: number) =>
      Effect.gen(function* () {
        yield* close
        yield* Effect.sleep(millis)
        self.server = yield* listen(ownPort)
      })
  }
})
