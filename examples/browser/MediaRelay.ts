/**
 * A piece of network that can be blocked: for each address of a server a UDP port that forwards to it, and back.
 */
import { Effect } from "effect"
import { createSocket, type Socket } from "node:dgram"

export interface Address {
  readonly address: string
  readonly port: number
}

export interface MediaRelay {
  /** The address to use in place of another one, for a participant. */
  readonly replace: (participant: string, server: Address) => Effect.Effect<Address>
  /** Drops every datagram of a participant, both ways, until it is set to false. */
  readonly setBlocked: (participant: string, isBlocked: boolean) => Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const blocked = new Set<string>()
  const sockets = new Set<Socket>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const socket of sockets) socket.close()
    })
  )
  const bind = (address: string) =>
    Effect.callback<Socket>((resume) => {
      const socket = createSocket(address.includes(":") ? "udp6" : "udp4")
      sockets.add(socket)
      // Nobody listening at the other end is the business of ICE.
      socket.on("error", () => {})
      socket.bind(0, address, () => resume(Effect.succeed(socket)))
    })
  const relays = new Map<string, Address>()

  const relay: MediaRelay = {
    replace: Effect.fnUntraced(function* (participant, server) {
      const key = `${participant} ${server.address} ${server.port}`
      const known = relays.get(key)
      if (known !== undefined) return known
      const near = yield* bind(server.address)
      const context = yield* Effect.context()
      /** One socket towards the server for each address of the participant, so that answers find their way. */
      const far = new Map<string, Promise<Socket>>()
      near.on("message", (datagram, from) => {
        if (blocked.has(participant)) return
        const name = `${from.address} ${from.port}`
        const socket =
          far.get(name) ??
          Effect.runPromiseWith(context)(
            Effect.tap(bind(server.address), (socket) =>
              Effect.sync(() =>
                socket.on("message", (answer) => {
                  if (!blocked.has(participant)) near.send(answer, from.port, from.address)
                })
              )
            )
          )
        far.set(name, socket)
        void socket.then((to) => to.send(datagram, server.port, server.address))
      })
      const replacement = { address: server.address, port: near.address().port }
      relays.set(key, replacement)
      return replacement
    }),
    setBlocked: (participant, isBlocked) =>
      Effect.sync(() => void (isBlocked ? blocked.add(participant) : blocked.delete(participant)))
  }
  return relay
})
