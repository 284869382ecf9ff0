/**
 * A WebRTC runtime whose media goes by way of a relay that can be blocked. What makes it possible is that the runtime is a layer:
 * this one stands in front of the browser's and tells the engine's peer connections other candidates.
 */
import { Effect, Layer } from "effect"
import { PeerConnectionFactory } from "effect-livekit"
import type { Address } from "./MediaRelay.ts"

type Description = PeerConnectionFactory.SessionDescription

/** `candidate:1 1 udp 2122260223 10.0.0.7 54321 typ host ...` (RFC 8839). */
const udpHost = /^(candidate:\S+ \d+ udp \d+ )(\S+) (\d+)( typ host.*)$/i

/**
 * Replaces the server's addresses as `replace` says. The server hears of no address of ours, or it would find a way around the
 * relay.
 */
export const layer = (replace: (server: Address) => Effect.Effect<Address>) =>
  Layer.effect(
    PeerConnectionFactory.PeerConnectionFactory,
    Effect.map(PeerConnectionFactory.PeerConnectionFactory, (runtime) => {
      const replaced = (candidate: string) => {
        const [, before = "", address = "", port, after = ""] = udpHost.exec(candidate) ?? []
        return port === undefined
          ? Effect.succeed(undefined)
          : Effect.map(replace({ address, port: Number(port) }), (to) => `${before}${to.address} ${to.port}${after}`)
      }
      const replacedAll = Effect.fnUntraced(function* ({ sdp, type }: Description) {
        const lines = yield* Effect.forEach(sdp.split("\r\n"), (line) =>
          line.startsWith("a=candidate:")
            ? Effect.map(replaced(line.slice(2)), (next) => (next === undefined ? [] : [`a=${next}`]))
            : Effect.succeed([line])
        )
        return { type, sdp: lines.flat().join("\r\n") }
      })
      return {
        capabilities: runtime.capabilities,
        make: (configuration, handlers) =>
          Effect.map(
            runtime.make(configuration, { ...handlers, onIceCandidate: () => {} }),
            (peer): PeerConnectionFactory.PeerConnection => ({
              ...peer,
              createOffer: (options) => Effect.map(peer.createOffer(options), withoutCandidates),
              createAnswer: Effect.map(peer.createAnswer, withoutCandidates),
              setRemoteDescription: (description) =>
                Effect.flatMap(replacedAll(description), peer.setRemoteDescription),
              addIceCandidate: (candidate) =>
                Effect.flatMap(replaced(candidate.candidate), (next) =>
                  next === undefined ? Effect.void : peer.addIceCandidate({ ...candidate, candidate: next })
                )
            })
          )
      }
    })
  )

const withoutCandidates = ({ sdp, type }: Description): Description => ({
  type,
  sdp: sdp.replace(/^a=candidate:.*\r\n/gm, "")
})
