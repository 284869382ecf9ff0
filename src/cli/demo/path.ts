/**
 * A peer connection's way to the server through relays of our own, so that the demo can take the network from under it. What was
 * cut stays dead, as after a change of network: only new candidates, which an ICE restart brings, lead through again.
 */
import { Context, Effect, Layer } from "effect"
import { PeerConnectionFactory } from "../../index.ts"
import { createSocket, type Socket } from "node:dgram"

type Candidate = PeerConnectionFactory.IceCandidate

/** One address of the server, behind a socket on loopback. */
interface Relay {
  readonly port: number
  readonly close: () => void
}

const listen = (socket: Socket) =>
  new Promise<number>((resolve) => socket.bind(0, "127.0.0.1", () => resolve(socket.address().port)))

const relayTo = async (host: string, port: number): Promise<Relay> => {
  const front = createSocket("udp4")
  const behind = new Map<number, Socket>()
  front.on("message", (packet, { port: client }) => {
    let socket = behind.get(client)
    if (socket === undefined) {
      socket = createSocket("udp4")
      socket.on("message", (answer) => front.send(answer, client, "127.0.0.1"))
      socket.on("error", () => {})
      behind.set(client, socket)
    }
    socket.send(packet, port, host)
  })
  front.on("error", () => {})
  const close = () => {
    front.removeAllListeners("message")
    for (const socket of [front, ...behind.values()]) socket.close()
  }
  return { port: await listen(front), close }
}

/** `candidate:foundation component udp priority address port typ ...` */
const pattern = /^(candidate:\S+ \d+ udp \d+) (\d+\.\d+\.\d+\.\d+) (\d+) (.*)$/i

const withoutCandidates = (description: PeerConnectionFactory.SessionDescription) => ({
  ...description,
  sdp: description.sdp.replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, "")
})

/** The path of all peer connections made by the layer. */
export const make = () => {
  const relays: Array<Relay> = []
  const cut = Effect.sync(() => {
    for (const relay of relays.splice(0)) relay.close()
  })
  const through = async (candidate: Candidate): Promise<Candidate | undefined> => {
    const found = pattern.exec(candidate.candidate)
    if (found === null) return undefined
    const [, before = "", host = "", port = "", after = ""] = found
    const relay = await relayTo(host, Number(port))
    relays.push(relay)
    return { ...candidate, candidate: `${before} 127.0.0.1 ${relay.port} ${after}` }
  }
  const wrap = (peer: PeerConnectionFactory.PeerConnection): PeerConnectionFactory.PeerConnection => ({
    ...peer,
    createOffer: (options) => Effect.map(peer.createOffer(options), withoutCandidates),
    createAnswer: Effect.map(peer.createAnswer, withoutCandidates),
    setRemoteDescription: (description) => peer.setRemoteDescription(withoutCandidates(description)),
    addIceCandidate: (candidate) =>
      Effect.flatMap(
        Effect.promise(() => through(candidate)),
        (relayed) => (relayed === undefined ? Effect.void : peer.addIceCandidate(relayed))
      )
  })
  const layer = Layer.effectContext(
    Effect.gen(function* () {
      const factory = yield* PeerConnectionFactory.PeerConnectionFactory
      yield* Effect.addFinalizer(() => cut)
      return Context.make(PeerConnectionFactory.PeerConnectionFactory, {
        ...factory,
        // The server is told of no address of ours, and answers to where our packets come from.
        make: (configuration, handlers) =>
          Effect.map(factory.make(configuration, { ...handlers, onIceCandidate: () => {} }), wrap)
      })
    })
  )
  return { cut, layer }
}
