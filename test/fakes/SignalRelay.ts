/**
 * A TCP relay on loopback in front of a server, whose connections can be cut without a word to either side.
 */
import { Effect } from "effect"
import { connect, createServer, type Socket } from "node:net"

export const make = Effect.fnUntraced(function* (target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  }
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((client) => {
        const upstream = connect(Number(port), hostname)
        track(client)
        track(upstream)
        client.pipe(upstream).pipe(client)
        client.on("close", () => upstream.destroy())
        upstream.on("close", () => client.destroy())
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )
  const address = server.address()
  const ownPort = typeof address === "object" && address !== null ? address.port : 0
  return {
    url: `ws://127.0.0.1:${ownPort}`,
    cut: Effect.sync(() => {
      for (const socket of sockets) socket.destroy()
    })
  }
})
