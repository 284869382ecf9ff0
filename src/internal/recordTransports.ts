/**
 * Peer connections that tell a flight recorder what becomes of them and of their channels.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import type { IceCandidate, PeerConnectionState, RtcDataChannel } from "../PeerConnectionFactory.ts"
import type { Factory, PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import type { Notes } from "./FlightLog.ts"

/** `candidate:foundation component transport priority address port typ type ...` (RFC 8839 section 5.1). */
const describeCandidate = ({ candidate }: IceCandidate) => {
  const parts = candidate.split(" ")
  return { transport: parts[2]?.toLowerCase() ?? "", type: parts[parts.indexOf("typ") + 1] ?? "" }
}

export const recordTransports = (transports: Factory["Service"], note: Notes): Factory["Service"] => {
  const made = { count: 0 }
  return {
    ...transports,
    make: Effect.fnUntraced(function* (options) {
      const of = { peer: made.count++, target: options.target }
      const recordChannel = (origin: "local" | "remote", channel: RtcDataChannel): RtcDataChannel => {
        const changed = (state: "open" | "closed" | "refused") =>
          note({ _tag: "ChannelChanged", ...of, label: channel.label, origin, state })
        return {
          ...channel,
          send: (bytes) => {
            try {
              channel.send(bytes)
            } catch (cause) {
              changed("refused")
              throw cause
            }
          },
          setHandlers: (handlers) =>
            channel.setHandlers(
              handlers === null
                ? null
                : {
                    ...handlers,
                    onOpen: () => {
                      changed("open")
                      handlers.onOpen()
                    },
                    onClose: () => {
                      changed("closed")
                      handlers.onClose()
                    }
                  }
            )
        }
      }
      const transport = yield* transports.make({
        ...options,
        onIceCandidate: (candidate) => {
          note({ _tag: "Candidate", ...of, origin: "local", ...describeCandidate(candidate) })
          options.onIceCandidate(candidate)
        },
        onDataChannel: (channel) => {
          note({ _tag: "ChannelChanged", ...of, label: channel.label, origin: "remote", state: "announced" })
          options.onDataChannel(recordChannel("remote", channel))
        }
      })
      note({ _tag: "PeerConnectionMade", ...of, relayOnly: options.configuration.iceTransportPolicy === "relay" })
      const seen = { state: undefined as PeerConnectionState | undefined }
      const see = (state: PeerConnectionState) =>
        Effect.sync(() => {
          if (state !== seen.state) note({ _tag: "PeerConnectionChanged", ...of, state })
          seen.state = state
        })
      yield* Effect.forkScoped(Stream.runForEach(transport.stateChanges, see), { startImmediately: true })
      const calls = { initialOffer: 0, negotiate: 0, negotiated: 0, answer: 0, path: 0 }
      const step = <A>(
        name: "initialOffer" | "negotiate" | "negotiated" | "answer",
        effect: Effect.Effect<A, PeerConnectionError>
      ) =>
        Effect.suspend(() => {
          const call = calls[name]++
          const ended = (failure: { readonly failure?: string }) =>
            Effect.sync(() => note({ _tag: "Negotiated", ...of, call, step: name, ...failure }))
          return effect.pipe(
            Effect.tap(() => ended({})),
            Effect.tapError(({ reason }) => ended({ failure: reason._tag }))
          )
        })
      const recorded: PeerConnectionTransport = {
        ...transport,
        // Who asks may hear of a change before it is told.
        state: Effect.tap(transport.state, see),
        initialOffer: step("initialOffer", transport.initialOffer),
        negotiate: (request) => step("negotiate", transport.negotiate(request)),
        negotiated: step("negotiated", transport.negotiated),
        acceptOffer: (sdp) => step("answer", transport.acceptOffer(sdp)),
        createDataChannel: (label, init) =>
          Effect.map(transport.createDataChannel(label, init), (channel) => recordChannel("local", channel)),
        addIceCandidate: (candidate) => {
          note({ _tag: "Candidate", ...of, origin: "remote", ...describeCandidate(candidate) })
          return transport.addIceCandidate(candidate)
        },
        roundTrip: Effect.suspend(() => {
          const call = calls.path++
          const asked = (answered: boolean) => Effect.sync(() => note({ _tag: "PathAsked", ...of, call, answered }))
          return transport.roundTrip.pipe(
            Effect.tap(() => asked(true)),
            Effect.tapError(() => asked(false))
          )
        })
      }
      return recorded
    })
  }
}
