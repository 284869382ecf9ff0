/**
 * The recipes of the documentation, run as they stand there, in virtual time.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Effect, Layer, Redacted, Ref, Schema, type Scope } from "effect"
import { Entity, ShardingConfig } from "effect/cluster"
import { Rpc } from "effect/rpc"
import {
  EngineConfig,
  EngineServices,
  PeerConnectionFactory,
  type ReconnectPolicy,
  RegionUrlProvider,
  RTCEngine,
  WebSocketConstructor
} from "effect-livekit"
import { Expect, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { recipe } from "./suites/recipe.ts"

describe("in virtual time", () => {
  const virtual = <E>(
    title: string,
    body: Effect.Effect<void, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>
  ) => it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer())))

  virtual(
    "the patient policy is back after an outage of five minutes",
    Effect.gen(function* () {
      const { patient } = yield* recipe<{ patient: ReturnType<typeof ReconnectPolicy.layer> }>(
        "A reconnect policy of your own",
        ["patient"]
      )
      const network = yield* SimNetwork.SimNetwork
      yield* TestRTCEngine.join("alice").pipe(Effect.provide(patient))
      yield* network.cutOff("alice")
      yield* VirtualTime.elapse("5 minutes")
      yield* network.restore("alice")
      yield* Expect.event("alice", "Reconnected", { within: "1 minute" })
    })
  )

  virtual(
    "relay only is what peer connections are made with, and the TURN servers given",
    Effect.gen(function* () {
      const { throughTurn } = yield* recipe<{
        throughTurn: (options: RTCEngine.ConnectOptions) => RTCEngine.ConnectOptions
      }>("Relay only", ["throughTurn"])
      const server = yield* TestServer.TestServer
      const made: Array<PeerConnectionFactory.RtcConfiguration> = []
      const noting = Layer.effect(
        PeerConnectionFactory.PeerConnectionFactory,
        Effect.map(PeerConnectionFactory.PeerConnectionFactory, (factory) => ({
          ...factory,
          make: (configuration, handlers) => {
            made.push(configuration)
            return factory.make(configuration, handlers)
          }
        }))
      )
      const services = yield* Layer.build(
        EngineServices.layer.pipe(Layer.provide(noting), Layer.provide(server.platform("alice")))
      )
      const engine = yield* Effect.provideContext(RTCEngine.make, services)
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* VirtualTime.advancing(engine.connect(throughTurn({ url: server.url, token })))
      assert.deepStrictEqual(
        made.map(({ iceServers, iceTransportPolicy }) => [iceTransportPolicy, iceServers[0]?.urls[0]]),
        [["relay", "turns:turn.example.com:443?transport=tcp"]]
      )
    })
  )

  virtual(
    "regions of one's own are tried one after the other",
    Effect.gen(function* () {
      const { ownRegions } = yield* recipe<{ ownRegions: Layer.Layer<RegionUrlProvider.RegionUrlProvider> }>(
        "Failing over between regions",
        ["ownRegions"]
      )
      const server = yield* TestServer.TestServer
      const dialled: Array<string> = []
      // The one in Europe is where nobody listens, the other one is this server.
      const sockets = Layer.effect(
        WebSocketConstructor.WebSocketConstructor,
        Effect.map(WebSocketConstructor.WebSocketConstructor, (construct) => (href) => {
          const url = new URL(href)
          dialled.push(url.host)
          if (url.host === "us.example.com") url.host = new URL(server.url).host
          return construct(url.href)
        })
      )
      const platform = server.platform("alice")
      const services = yield* Layer.build(
        EngineServices.layer.pipe(Layer.merge(ownRegions), Layer.provide(sockets), Layer.provide(platform))
      )
      const engine = yield* Effect.provideContext(RTCEngine.make, services)
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* VirtualTime.advancing(engine.connect({ url: "wss://gone.example.com", token }))
      assert.deepStrictEqual(dialled, ["gone.example.com", "eu.example.com", "us.example.com"])
    })
  )

  virtual(
    "who stays joins again with a new token when the server has ended the connection",
    Effect.gen(function* () {
      const { stay } = yield* recipe<{
        stay: (
          engine: RTCEngine.Engine,
          url: string,
          fetchToken: Effect.Effect<Redacted.Redacted<string>>
        ) => Effect.Effect<void>
      }>("Tokens that expire", ["stay"])
      const server = yield* TestServer.TestServer
      const engine = yield* TestRTCEngine.make("alice")
      const fetched = yield* Ref.make(0)
      const fetchToken = Effect.andThen(
        Ref.update(fetched, (count) => count + 1),
        server.token({ identity: "alice", room: "room" })
      )
      yield* Effect.forkScoped(stay(engine, server.url, fetchToken))
      yield* Expect.event("alice", "Connected")
      const goodbye = { reason: DisconnectReason.PARTICIPANT_REMOVED, action: LeaveRequest_Action.DISCONNECT }
      yield* server.faults.leave("alice", new LeaveRequest(goodbye))
      yield* Expect.event("alice", "Disconnected")
      yield* Expect.event("alice", "Connected", { within: "10 seconds" })
      assert.strictEqual(yield* Ref.get(fetched), 2)
      yield* engine.disconnect
      yield* VirtualTime.elapse("1 minute")
      assert.strictEqual(yield* engine.state, "Disconnected", "who has left stays away")
    })
  )

  virtual(
    "an order that finds no room is told so, and the caller does not wait",
    Effect.gen(function* () {
      const { order, point } = yield* recipe<{
        order: (engine: RTCEngine.Engine, text: string) => Effect.Effect<boolean, unknown>
        point: (engine: RTCEngine.Engine, x: number, y: number) => Effect.Effect<void, unknown>
      }>("Sending without waiting", ["order", "point"])
      const server = yield* TestServer.TestServer
      const network = yield* SimNetwork.SimNetwork
      const engine = yield* TestRTCEngine.join("alice").pipe(
        Effect.provideService(EngineConfig.EngineConfig, { ...EngineConfig.defaults, reliableCapacity: 1_000 })
      )
      yield* point(engine, 3, 4)
      assert.isTrue(yield* order(engine, "first"))
      assert.deepStrictEqual(yield* server.received(2), [JSON.stringify({ x: 3, y: 4 }), "first"])
      yield* network.cutOff("alice")
      const taken = yield* Effect.forEach(Array.from({ length: 30 }), () => order(engine, "x".repeat(100)))
      assert.isTrue(taken[0])
      assert.isFalse(taken.at(-1))
    })
  )

  /** Engines for bots, on the paths of one participant. */
  const services = Effect.flatMap(TestServer.TestServer, () => Layer.build(TestRTCEngine.layerServices("bots")))

  virtual(
    "many bots are each in the room that they were sent to, until they are called back",
    Effect.gen(function* () {
      const { makeBots } = yield* recipe<{
        makeBots: (options: {
          readonly url: string
          readonly token: (room: string) => Effect.Effect<Redacted.Redacted<string>>
          readonly serve: (engine: RTCEngine.Engine) => Effect.Effect<void>
        }) => Effect.Effect<
          {
            readonly enter: (room: string) => Effect.Effect<unknown, never, EngineServices.EngineServices>
            readonly leave: (room: string) => Effect.Effect<void>
          },
          never,
          Scope.Scope
        >
      }>("Many bots in one process", ["makeBots"])
      const server = yield* TestServer.TestServer
      const context = yield* services
      const bots = yield* makeBots({
        url: server.url,
        token: (room) => server.token({ identity: "bot", room }),
        serve: () => Effect.never
      })
      const enter = (room: string) => Effect.provideContext(bots.enter(room), context)
      yield* Effect.all([enter("red"), enter("blue"), enter("red")])
      yield* VirtualTime.elapse("2 seconds")
      assert.deepStrictEqual(yield* server.participants("red"), ["bot"])
      assert.deepStrictEqual(yield* server.participants("blue"), ["bot"])
      yield* bots.leave("red")
      yield* VirtualTime.elapse("1 second")
      assert.deepStrictEqual(yield* server.participants("red"), [])
      assert.deepStrictEqual(yield* server.participants("blue"), ["bot"])
    })
  )

  virtual(
    "a bot of a cluster stays in the room that it was sent to, and comes back when it is thrown out",
    Effect.gen(function* () {
      const stay = Rpc.make("Stay", { payload: { room: Schema.String } })
      const { Bot, layer } = yield* recipe<{
        Bot: Entity.Entity<"Bot", typeof stay>
        layer: (options: {
          readonly url: string
          readonly token: (identity: string, room: string) => Effect.Effect<Redacted.Redacted<string>>
          readonly serve: (engine: RTCEngine.Engine) => Effect.Effect<void>
        }) => Layer.Layer<never, never, EngineServices.EngineServices>
      }>("Bots with Effect Cluster", ["Bot", "layer"])
      const server = yield* TestServer.TestServer
      const options = {
        url: server.url,
        token: (identity: string, room: string) => server.token({ identity, room }),
        serve: () => Effect.never
      }
      const bots = Layer.provide(layer(options), Layer.succeedContext(yield* services))
      const botOf = yield* Entity.makeTestClient(Bot, bots).pipe(Effect.provide(ShardingConfig.layer()))
      const one = yield* VirtualTime.advancing(botOf("bot-1"))
      yield* Effect.forkScoped(one.Stay({ room: "hall" }))
      yield* VirtualTime.elapse("1 second")
      assert.deepStrictEqual(yield* server.participants("hall"), ["bot-1"])
      const goodbye = { reason: DisconnectReason.PARTICIPANT_REMOVED, action: LeaveRequest_Action.DISCONNECT }
      yield* server.faults.leave("bot-1", new LeaveRequest(goodbye))
      yield* VirtualTime.elapse("1 second")
      assert.deepStrictEqual(yield* server.participants("hall"), [])
      yield* VirtualTime.elapse("5 seconds")
      assert.deepStrictEqual(yield* server.participants("hall"), ["bot-1"])
    })
  )
})
