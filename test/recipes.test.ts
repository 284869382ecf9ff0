/**
 * The recipes of the documentation, run as they stand there.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { ConfigProvider, Context, Effect, Layer, Option, Redacted, Ref, Schema, type Scope, Stream } from "effect"
import { Entity, ShardingConfig } from "effect/cluster"
import { Rpc } from "effect/rpc"
import {
  EngineConfig,
  EngineServices,
  Packet,
  PeerConnectionFactory,
  type ReconnectPolicy,
  RegionUrlProvider,
  RTCEngine,
  WebSocketConstructor
} from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { Expect, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { WrtcRTCEngine } from "effect-livekit/wrtc"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { join, resolve } from "node:path"
import { rtpMedia } from "./media/rtpMedia.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"
import { all } from "./suites/examples.ts"

const scratch = `.tmp/recipes-${process.pid}`
mkdirSync(scratch, { recursive: true })
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }))

/** What a recipe defines, by the names wanted; the nth under its title. */
const recipe = <A>(title: string, names: ReadonlyArray<keyof A & string>, nth = 0): Promise<A> => {
  const found = all.filter((example) => example.at.startsWith("docs/recipes.md") && example.title === title)[nth]
  assert.isDefined(found, `there is a recipe ${title}`)
  const file = join(scratch, `${title.replaceAll(/\W/g, "-")}-${nth}.ts`)
  writeFileSync(file, `${found.code}\nexport { ${names.join(", ")} }\n`)
  return import(/* @vite-ignore */ resolve(file))
}

const load = <A>(title: string, names: ReadonlyArray<keyof A & string>, nth = 0) =>
  Effect.promise(() => recipe<A>(title, names, nth))

type Bot = Effect.Effect<unknown, unknown>

describe("on the development server", () => {
  const platform = Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)
  const live = <E>(title: string, body: Effect.Effect<void, E, Layer.Success<typeof platform> | Scope.Scope>) =>
    it.live(title, () => body.pipe(Effect.scoped, Effect.provide(platform)))

  /** Runs a bot in the room of alice, whose engine is given. */
  const withBot = Effect.fnUntraced(function* (bot: Bot) {
    const server = yield* DevServer.make()
    const token = yield* server.token({ identity: "bot", room: "hall" })
    const environment = ConfigProvider.fromUnknown({ LIVEKIT_URL: server.url, LIVEKIT_TOKEN: Redacted.value(token) })
    const alice = yield* RTCEngine.make
    const events = yield* alice.subscribeEvents
    const packets = yield* alice.subscribePackets
    yield* alice.connect({ url: server.url, token: yield* server.token({ identity: "alice", room: "hall" }) })
    yield* Effect.forkScoped(Effect.provideService(bot, ConfigProvider.ConfigProvider, environment))
    const arrived = Stream.fromSubscription(events).pipe(
      Stream.filter((event) => event._tag === "ParticipantsUpdated"),
      Stream.filter(({ participants }) =>
        participants.some(({ identity, state }) => identity === "bot" && state === 2)
      ),
      Stream.runHead
    )
    return { alice, arrived, packets, events }
  })

  live(
    "the echo bot says back what it hears, to who said it",
    Effect.gen(function* () {
      const { echo } = yield* load<{ echo: Bot }>("An echo bot", ["echo"])
      const { alice, arrived, packets } = yield* withBot(echo)
      yield* arrived
      yield* alice.sendData(Packet.user("are you there?"))
      const heard = yield* Stream.runHead(Stream.fromSubscription(packets))
      const { packet } = Option.getOrThrow(heard)
      assert.strictEqual(packet.participantIdentity, "bot")
      const { value } = packet
      assert.strictEqual(value.case === "user" ? new TextDecoder().decode(value.value.payload) : "", "are you there?")
    })
  )

  /** Says something on a track, and hears it from the bot. */
  const parrots = (bot: Bot, media: typeof rtpMedia) =>
    Effect.gen(function* () {
      const { alice, events } = yield* withBot(bot)
      yield* alice.publishTrack(yield* media.tone)
      const heard = yield* Stream.fromSubscription(events).pipe(
        Stream.filter((event) => event._tag === "TrackSubscribed"),
        Stream.filter(({ track }) => track.participant.identity === "bot"),
        Stream.mapEffect(({ track }) => media.arrives(track.track)),
        Stream.runHead
      )
      assert.deepStrictEqual(heard, Option.some(media.heard))
    })

  live(
    "the voice bot with raw Opus says back the packets that it hears",
    Effect.gen(function* () {
      const { parrot } = yield* load<{ parrot: Bot }>("A voice bot", ["parrot"])
      yield* parrots(parrot, rtpMedia)
    })
  )

  it.live("the voice bot with samples says back what it hears", () =>
    Effect.gen(function* () {
      const { parrot } = yield* load<{ parrot: Bot }>("A voice bot", ["parrot"], 1)
      yield* parrots(parrot, wrtcMedia)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(WrtcRTCEngine.layerServices, NodeDataChannel.layer)))
  )

  it.live("sockets of one's own reach a server through a proxy that wants a header, a path and a query", () =>
    Effect.gen(function* () {
      const { engine: layer } = yield* load<{ engine: Layer.Layer<RTCEngine.RTCEngine> }>(
        "A signalling proxy of your own",
        ["engine"]
      )
      const server = yield* DevServer.make()
      const dialled: Array<string> = []
      const port = yield* tenantProxy(Number(new URL(server.url).port), (request) => {
        dialled.push(request.url ?? "")
        return request.headers["x-tenant"] === "7"
      })
      const engine = Context.get(yield* Layer.build(layer), RTCEngine.RTCEngine)
      const token = yield* server.token({ identity: "alice", room: "hall" })
      yield* engine.connect({ url: `ws://127.0.0.1:${port}/livekit?tenant=7`, token })
      assert.deepStrictEqual(yield* server.participants("hall"), ["alice"])
      assert.match(dialled[0] ?? "", /^\/livekit\/rtc\/v1\?tenant=7&/)
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )
})

/** Passes on what is below `/livekit` to a port of this machine, if it is let in. */
const tenantProxy = (target: number, isLetIn: (request: IncomingMessage) => boolean) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const proxy = createServer()
      proxy.on("upgrade", (request: IncomingMessage, client) => {
        if (!isLetIn(request)) return client.end("HTTP/1.1 403 Forbidden\r\n\r\n")
        const path = (request.url ?? "").replace("/livekit", "")
        const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
        const server = connect(target, "127.0.0.1")
        server.write(`GET ${path} HTTP/1.1\r\n${headers.join("")}\r\n`)
        client.pipe(server).pipe(client)
        client.on("close", () => server.destroy()).on("error", () => {})
        server.on("close", () => client.destroy()).on("error", () => {})
      })
      proxy.listen(0, "127.0.0.1", () => {
        const address = proxy.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ port, close: () => proxy.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ port }) => port))

describe("in virtual time", () => {
  const virtual = <E>(
    title: string,
    body: Effect.Effect<void, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>
  ) => it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer())))

  virtual(
    "the patient policy is back after an outage of five minutes",
    Effect.gen(function* () {
      const { patient } = yield* load<{ patient: ReturnType<typeof ReconnectPolicy.layer> }>(
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
      const { throughTurn } = yield* load<{
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
      const { ownRegions } = yield* load<{ ownRegions: Layer.Layer<RegionUrlProvider.RegionUrlProvider> }>(
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
      const { stay } = yield* load<{
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
      const { order, point } = yield* load<{
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
      const { makeBots } = yield* load<{
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
    "a bot of a cluster is in the room that its entity is named after, and says what it is told to",
    Effect.gen(function* () {
      const say = Rpc.make("Say", { payload: { text: Schema.String } })
      const recipe = yield* load<{
        RoomBot: Entity.Entity<"RoomBot", typeof say>
        layer: (
          url: string,
          tokenFor: (room: string) => Effect.Effect<Redacted.Redacted<string>>
        ) => Layer.Layer<never, never, EngineServices.EngineServices>
      }>("Bots with Effect Cluster", ["RoomBot", "layer"])
      const server = yield* TestServer.TestServer
      const bots = recipe
        .layer(server.url, (room) => server.token({ identity: "bot", room }))
        .pipe(Layer.provide(Layer.succeedContext(yield* services)))
      const botOf = yield* Entity.makeTestClient(recipe.RoomBot, bots).pipe(Effect.provide(ShardingConfig.layer()))
      const hall = yield* VirtualTime.advancing(botOf("hall"))
      yield* VirtualTime.advancing(hall.Say({ text: "good evening" }))
      assert.deepStrictEqual(yield* server.participants("hall"), ["bot"])
      assert.deepStrictEqual(yield* server.received(1), ["good evening"])
    })
  )
})
