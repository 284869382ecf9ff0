/**
 * A UDP relay of the test's own: a port for each address of the far end, by which all that flows can be held up. Nobody may know
 * another way, so candidates are rewritten.
 */
import { Effect, type Scope } from "effect"
import { createSocket, type Socket } from "node:dgram"
import * as Delay from "./Delay.ts"

export interface UdpRelay {
  /** Datagrams are dropped, either way, while blocked. */
  readonly setBlocked: (isBlocked: boolean) => Effect.Effect<void>
  /** A candidate of the far end with a port of the relay; `undefined` for one that is not relayed. */
  readonly relayed: (candidate: string) => Promise<string | undefined>
  /** A description of the far end with such candidates. */
  readonly relayedSdp: (sdp: string) => Promise<string>
}

export interface UdpRelayOptions {
  /** Milliseconds that a datagram takes, each way. Default 0. */
  readonly delay?: number
  /** Sees every datagram when it comes in. The port is that of the near end. */
  readonly onDatagram?: (from: "near" | "far", bytes: Buffer, port: number) => void
}

/** A description of our own that says nothing of where we are, or the far end would find a way around the relay. */
export const withoutCandidates = (sdp: string): string => sdp.replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, "")

export const make = ({ delay = 0, onDatagram }: UdpRelayOptions = {}): Effect.Effect<UdpRelay, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<Socket>()
    const ports = new Map<string, Promise<number>>()
    const state = { isBlocked: false }
    const later = Delay.make(delay)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const socket of sockets) socket.close()
        sockets.clear()
      })
    )
    const open = (onMessage: (bytes: Buffer, from: { readonly address: string; readonly port: number }) => void) => {
      const socket = createSocket("udp4")
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("message", (bytes, from) => {
        if (!state.isBlocked && sockets.has(socket)) onMessage(bytes, from)
      })
      return socket
    }
    const send = (socket: Socket, bytes: Buffer, port: number, address: string) =>
      later(() => {
        if (sockets.has(socket)) socket.send(bytes, port, address)
      })
    /** A port that stands for an address of the far end. */
    const portFor = (address: string, port: number) => {
      const key = `${address}:${port}`
      const known = ports.get(key)
      if (known !== undefined) return known
      const outgoing = new Map<string, Socket>()
      const near = open((bytes, from) => {
        const client = `${from.address}:${from.port}`
        onDatagram?.("near", bytes, from.port)
        const far =
          outgoing.get(client) ??
          open((answer) => {
            onDatagram?.("far", answer, from.port)
            send(near, answer, from.port, from.address)
          })
        outgoing.set(client, far)
        send(far, bytes, port, address)
      })
      const made = new Promise<number>((resolve) => near.bind(0, () => resolve(near.address().port)))
      ports.set(key, made)
      return made
    }
    const relayed = async (candidate: string) => {
      const parts = candidate.split(" ")
      const [, , protocol, , address = "", port] = parts
      if (protocol?.toLowerCase() !== "udp" || !/^[\d.]+$/.test(address)) return undefined
      parts[5] = String(await portFor(address, Number(port)))
      return parts.join(" ")
    }
    return {
      setBlocked: (isBlocked) =>
        Effect.sync(() => {
          state.isBlocked = isBlocked
        }),
      relayed,
      relayedSdp: async (sdp) => {
        const lines = await Promise.all(
          sdp
            .split("\r\n")
            .map(async (line) =>
              line.startsWith("a=candidate:") ? relayed(line.slice(2)).then((next) => next && `a=${next}`) : line
            )
        )
        return lines.filter((line) => line !== undefined).join("\r\n")
      }
    }
  })
