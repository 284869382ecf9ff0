/**
 * Participants on a server, a network and a clock in memory, and what they heard.
 */
import { it } from "@effect/vitest"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { type EngineEvent, Packet, type RTCEngine, type SignalClient } from "effect-livekit"
import { SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

const { elapse } = VirtualTime

export interface Participant {
  readonly engine: RTCEngine.Engine
  /** What happened so far, oldest first. */
  readonly events: Array<EngineEvent.EngineEvent>
  /** Texts of the reliable packets that came. */
  readonly received: Array<string>
  /** All packets that came. */
  readonly packets: Array<Packet.ReceivedPacket>
}

interface JoinOptions {
  readonly mode?: SignalClient.ConnectionMode
  readonly iceRestart?: boolean
  readonly isAgent?: boolean
  readonly media?: "rtp" | "none"
}

export const join = Effect.fnUntraced(function* (identity: string, options: JoinOptions = {}) {
  const server = yield* TestServer.TestServer
  const engine = yield* TestRTCEngine.make(identity, {
    iceRestart: options.iceRestart ?? true,
    media: options.media ?? "rtp"
  })
  const self: Participant = { engine, events: [], received: [], packets: [] }
  yield* engine.events.pipe(
    Stream.runForEach((event) => Effect.sync(() => self.events.push(event))),
    Effect.forkScoped
  )
  yield* engine.packets.pipe(
    Stream.runForEach((received) =>
      Effect.sync(() => {
        const { packet } = received
        self.packets.push(received)
        if (packet.value.case === "user") self.received.push(new TextDecoder().decode(packet.value.value.payload))
      })
    ),
    Effect.forkScoped
  )
  yield* VirtualTime.settle
  const token = yield* server.token({ identity, room: "room", isAgent: options.isAgent ?? false })
  const connecting = yield* Effect.forkScoped(
    engine.connect({ url: server.url, token, connectionMode: options.mode ?? "auto" })
  )
  yield* elapse("1 second")
  yield* Fiber.join(connecting)
  return self
})

/** Alice and bob in a room, what can be done to the server, and the paths of alice. */
export const meet = Effect.fnUntraced(function* (options: JoinOptions = {}) {
  const { faults } = yield* TestServer.TestServer
  const network = yield* SimNetwork.SimNetwork
  const alice = yield* join("alice", options)
  const bob = yield* join("bob", options)
  const { media, signal } = yield* network.paths("alice")
  return { alice, bob, faults, media, network, signal }
})

/** Begins a connect that is to fail. */
export const failToConnect = Effect.fnUntraced(function* (identity: string) {
  const server = yield* TestServer.TestServer
  const engine = yield* TestRTCEngine.make(identity)
  const token = yield* server.token({ identity, room: "room" })
  const connecting = yield* Effect.forkScoped(Effect.flip(engine.connect({ url: server.url, token })))
  return { engine, failure: Fiber.join(connecting) }
})

export const say = (from: Participant, ...texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, (text) => from.engine.sendData(Packet.user(text)), { discard: true })

export const tags = ({ events }: Participant) => events.map(({ _tag }) => _tag)
export const count = (self: Participant, tag: EngineEvent.EngineEvent["_tag"]) =>
  tags(self).filter((one) => one === tag).length
export const last = <Tag extends EngineEvent.EngineEvent["_tag"]>(self: Participant, tag: Tag) =>
  self.events.findLast((event): event is Extract<EngineEvent.EngineEvent, { _tag: Tag }> => event._tag === tag)

export const test = <A, E>(
  name: string,
  body: Effect.Effect<A, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>,
  options: TestServer.TestServerOptions = {}
) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer(options))))
