/**
 * What the engine of a participant and its server say to each other, message by message, as it goes over the socket.
 */
import { SignalRequest, SignalResponse } from "@livekit/protocol"
import { Effect, Layer, Stream } from "effect"
import { EngineServices, PeerConnectionFactory, RTCEngine, WebSocketConstructor } from "effect-livekit"
import { TestServer, VirtualTime } from "effect-livekit/testing"
import type { Participant } from "./inMemory.ts"

export type Said =
  | { readonly from: "client"; readonly message: SignalRequest["message"] }
  | { readonly from: "server"; readonly message: SignalResponse["message"] }

export interface Observed extends Participant {
  /** Oldest first. */
  readonly wire: Array<Said>
  /** Candidates of the server, by the labels of the channels of the peer connection that they were added to. */
  readonly added: Array<{ readonly channels: ReadonlyArray<string>; readonly candidate: string }>
}

/** Joins as {@link join} does, and keeps what is said. */
export const join = Effect.fnUntraced(function* (identity: string, connectionMode: "single" | "dual" = "single") {
  const server = yield* TestServer.TestServer
  const wire: Array<Said> = []
  const added: Observed["added"] = []
  const peers = Layer.effect(
    PeerConnectionFactory.PeerConnectionFactory,
    Effect.map(PeerConnectionFactory.PeerConnectionFactory, (factory) => ({
      ...factory,
      make: (configuration, handlers) =>
        Effect.map(factory.make(configuration, handlers), (peer) => {
          const channels: Array<string> = []
          return {
            ...peer,
            createDataChannel: (label, options) => {
              channels.push(label)
              return peer.createDataChannel(label, options)
            },
            addIceCandidate: (candidate) => {
              added.push({ channels, candidate: candidate.candidate })
              return peer.addIceCandidate(candidate)
            }
          } satisfies PeerConnectionFactory.PeerConnection
        })
    }))
  )
  const recording = Layer.effect(
    WebSocketConstructor.WebSocketConstructor,
    Effect.map(WebSocketConstructor.WebSocketConstructor, (open) => (url: string) => {
      const socket = open(url)
      const send = socket.send.bind(socket)
      socket.addEventListener("message", ({ data }) => {
        if (!(data instanceof ArrayBuffer)) return
        const { message } = SignalResponse.fromBinary(new Uint8Array(data))
        wire.push({ from: "server", message })
      })
      socket.send = (data) => {
        wire.push({ from: "client", message: SignalRequest.fromBinary(data).message })
        send(data)
      }
      return socket
    })
  )
  const platform = server.platform(identity)
  const services = yield* Layer.build(
    EngineServices.layer.pipe(
      Layer.provide(Layer.merge(recording, peers)),
      Layer.provide(platform),
      Layer.provide(platform)
    )
  )
  const engine = yield* Effect.provideContext(RTCEngine.make, services)
  const self: Observed = { engine, events: [], received: [], packets: [], wire, added }
  yield* engine.events.pipe(
    Stream.runForEach((event) => Effect.sync(() => self.events.push(event))),
    Effect.forkScoped
  )
  yield* VirtualTime.settle
  const token = yield* server.token({ identity, room: "room" })
  yield* VirtualTime.advancing(engine.connect({ url: server.url, token, connectionMode }))
  yield* VirtualTime.elapse("1 second")
  return self
})

/** The messages of one kind from the client. */
export const asked = <Case extends SignalRequest["message"]["case"]>({ wire }: Observed, which: Case) =>
  wire.flatMap(({ from, message }) =>
    from === "client" && message.case === which
      ? [message as Extract<SignalRequest["message"], { readonly case: Case }>]
      : []
  )
