/**
 * The recipes of the documentation, run as they stand there, on the development server.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Option, Redacted, type Scope, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { WrtcRTCEngine } from "effect-livekit/wrtc"
import { createServer, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { rtpMedia } from "./media/rtpMedia.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"
import { recipe } from "./suites/recipe.ts"

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
      const { echo } = yield* recipe<{ echo: Bot }>("An echo bot", ["echo"])
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
      const { parrot } = yield* recipe<{ parrot: Bot }>("A voice bot", ["parrot"])
      yield* parrots(parrot, rtpMedia)
    })
  )

  it.live("the voice bot with samples says back what it hears", () =>
    Effect.gen(function* () {
      const { parrot } = yield* recipe<{ parrot: Bot }>("A voice bot", ["parrot"], 1)
      yield* parrots(parrot, wrtcMedia)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(WrtcRTCEngine.layerServices, NodeDataChannel.layer)))
  )

  it.live("regions of one's own take the place of those of the platform", () =>
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { engine: layer } = yield* recipe<{ engine: Layer.Layer<RTCEngine.RTCEngine> }>(
        "Failing over between regions",
        ["engine"],
        0,
        { "wss://eu.example.com": "ws://127.0.0.1:9", "wss://us.example.com": server.url }
      )
      const engine = Context.get(yield* Layer.build(layer), RTCEngine.RTCEngine)
      const token = yield* server.token({ identity: "alice", room: "hall" })
      yield* engine.connect({ url: "ws://127.0.0.1:9", token })
      assert.deepStrictEqual(yield* server.participants("hall"), ["alice"])
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  it.live("sockets of one's own reach a server through a proxy that wants a header, a path and a query", () =>
    Effect.gen(function* () {
      const { engine: layer } = yield* recipe<{ engine: Layer.Layer<RTCEngine.RTCEngine> }>(
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
