/**
 * A UDP relay of the test's own on the media path of one engine: every remote candidate is replaced by a port of the relay, and
 * the engine's own are told to nobody, so that all that flows can be held up.
 */
import { Effect, Layer, type Scope } from "effect"
import { PeerConnectionFactory } from "effect-livekit"
import { createSocket, type Socket } from "node:dgram"

export interface MediaRelay {
  /** Datagrams are dropped, either way, while blocked. */
  readonly setBlocked: (isBlocked: boolean) => Effect.Effect<void>
  readonly layer: Layer.Layer<
    PeerConnectionFactory.PeerConnectionFactory,
    never,
    PeerConnectionFactory.PeerConnectionFactory
  >
}

export const make: Effect.Effect<MediaRelay, never, Scope.Scope> = Effect.gen(function* () {
  const sockets = new Set<Socket>()
  const ports = new Map<string, Promise<number>>()
  const state = { isBlocked: false }
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
  const send = (socket: Socket, bytes: Buffer, port: number, address: string) => {
    if (sockets.has(socket)) socket.send(bytes, port, address)
  }
  /** A port that stands for an address of the far end. */
  const portFor = (address: string, port: number) => {
    const key = `${address}:${port}`
    const known = ports.get(key)
    if (known !== undefined) return known
    const outgoing = new Map<string, Socket>()
    const near = open((bytes, from) => {
      const client = `${from.address}:${from.port}`
      const far = outgoing.get(client) ?? open((answer) => send(near, answer, from.port, from.address))
      outgoing.set(client, far)
      send(far, bytes, port, address)
    })
    const made = new Promise<number>((resolve) => near.bind(0, () => resolve(near.address().port)))
    ports.set(key, made)
    return made
  }
  /** The candidate with a port of the relay; `undefined` for one that is not relayed. */
  const relayed = async (candidate: string) => {
    const parts = candidate.split(" ")
    const [, , protocol, , address = "", port] = parts
    if (protocol?.toLowerCase() !== "udp" || !/^[\d.]+$/.test(address)) return undefined
    parts[5] = String(await portFor(address, Number(port)))
    return parts.join(" ")
  }
  const relayedSdp = async (sdp: string) => {
    const lines = await Promise.all(
      sdp
        .split("\r\n")
        .map(async (line) =>
          line.startsWith("a=candidate:") ? relayed(line.slice(2)).then((next) => next && `a=${next}`) : line
        )
    )
    return lines.filter((line) => line !== undefined).join("\r\n")
  }
  const withoutCandidates = (sdp: string) => sdp.replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, "")

  return {
    setBlocked: (isBlocked) =>
      Effect.sync(() => {
        state.isBlocked = isBlocked
      }),
    layer: Layer.effect(
      PeerConnectionFactory.PeerConnectionFactory,
      Effect.map(PeerConnectionFactory.PeerConnectionFactory, (factory) => ({
        capabilities: factory.capabilities,
        make: (configuration, handlers) =>
          Effect.map(factory.make(configuration, { ...handlers, onIceCandidate: () => {} }), (peer) => ({
            ...peer,
            createOffer: (options) =>
              Effect.map(peer.createOffer(options), (offer) => ({ ...offer, sdp: withoutCandidates(offer.sdp) })),
            createAnswer: Effect.map(peer.createAnswer, (answer) => ({
              ...answer,
              sdp: withoutCandidates(answer.sdp)
            })),
            setRemoteDescription: (description) =>
              Effect.flatMap(
                Effect.promise(() => relayedSdp(description.sdp)),
                (sdp) => peer.setRemoteDescription({ ...description, sdp })
              ),
            addIceCandidate: (candidate) =>
              Effect.flatMap(
                Effect.promise(() => relayed(candidate.candidate)),
                (next) => (next === undefined ? Effect.void : peer.addIceCandidate({ ...candidate, candidate: next }))
              )
          }))
      }))
    )
  }
})
