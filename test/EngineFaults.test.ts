/**
 * Bad input and faults, over real sockets and real WebRTC.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest } from "@livekit/protocol"
import { Clock, Effect, Fiber, Layer, Redacted, Result, type Scope, Stream } from "effect"
import { EngineConfig, Packet, RTCEngine } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { createServer, type Server } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net"
import { awaitEvent, numbers, sendNumbers } from "./suites/endToEnd.ts"

const layer = Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)
const quick = layer.pipe(
  Layer.provide(
    Layer.succeed(EngineConfig.EngineConfig, { ...EngineConfig.defaults, dialTimeout: 300, firstFrameTimeout: 300 })
  )
)

const live = <A, E>(
  name: string,
  test: Effect.Effect<A, E, Layer.Success<typeof layer> | Scope.Scope>,
  provided: Layer.Layer<Layer.Success<typeof layer>> = layer
) => it.live(name, () => test.pipe(Effect.scoped, Effect.provide(provided)), 30_000)

const garbage = Redacted.make("garbage")
const connectError = (url: string, token: Redacted.Redacted<string> = garbage) =>
  Effect.gen(function* () {
    const engine = yield* RTCEngine.make
    const { reason } = yield* engine.connect({ url, token }).pipe(Effect.flip)
    assert.strictEqual(yield* engine.state, "Disconnected")
    return reason
  })

describe("connect", () => {
  live(
    "says exactly why the server refuses a token",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const grant = { identity: "a", room: "r" }
      const cases = [
        [Redacted.make(""), 401, "no permissions to access the room"],
        [garbage, 401, "invalid authorization token"],
        [
          yield* server.token({ ...grant, ttl: -3600 }),
          401,
          "invalid authorization token: token has invalid claims: token is expired"
        ],
        [yield* server.token({ ...grant, roomJoin: false }), 401, "permissions denied"],
        [yield* server.token({ ...grant, room: "" }), 400, "no room name"],
        [yield* AccessToken.issue({ apiKey: "other", apiSecret: server.apiSecret }, grant), 401, "invalid API key"],
        [
          yield* AccessToken.issue({ apiKey: server.apiKey, apiSecret: "x".repeat(40) }, grant),
          401,
          "invalid authorization token: token signature is invalid: signature is invalid"
        ]
      ] as const
      for (const [token, status, body] of cases) {
        const reason = yield* connectError(server.url, token)
        assert.deepInclude(reason, { _tag: "Rejected", status, body })
      }
    })
  )

  live(
    "says that nobody listens, and that a URL is none, and never shows the token",
    Effect.gen(function* () {
      const secret = Redacted.make("a-very-secret-token")
      const nobody = yield* connectError("ws://127.0.0.1:9", secret)
      assert.strictEqual(nobody._tag, "Unreachable")
      assert.strictEqual((yield* connectError("http//nowhere", secret))._tag, "InvalidUrl")
      assert.notInclude(`${JSON.stringify(nobody)}${String(nobody)}${String(nobody.cause)}`, "a-very-secret-token")
    })
  )

  live(
    "gives up on a listener that never upgrades, and on one that upgrades and says nothing",
    Effect.gen(function* () {
      const silent = yield* tcpServer(() => {})
      assert.strictEqual((yield* connectError(silent))._tag, "DialTimeout")
      const mute = yield* webSocketServer
      assert.strictEqual((yield* connectError(mute))._tag, "FirstFrameTimeout")
    }),
    quick
  )

  live(
    "refuses a second connect and leaves the first alone",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const engine = yield* RTCEngine.make
      const token = yield* server.token({ identity: "a", room: "r" })
      yield* engine.connect({ url: server.url, token })
      const { reason } = yield* engine.connect({ url: server.url, token }).pipe(Effect.flip)
      assert.strictEqual(reason._tag, "AlreadyConnected")
      assert.strictEqual(yield* engine.state, "Connected")
      yield* engine.disconnect
      assert.strictEqual(yield* engine.state, "Disconnected")
      yield* engine.connect({ url: server.url, token })
      assert.strictEqual(yield* engine.state, "Connected")
    })
  )

  live(
    "leaves nothing at the server when it is interrupted at any moment",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const token = yield* server.token({ identity: "a", room: "r" })
      for (const millis of [0, 1, 2, 4, 6, 8, 10, 12, 15, 20, 30, 60]) {
        const engine = yield* RTCEngine.make
        const fiber = yield* engine.connect({ url: server.url, token }).pipe(Effect.forkScoped)
        yield* Effect.sleep(millis)
        const before = yield* Clock.currentTimeMillis
        yield* Fiber.interrupt(fiber)
        yield* engine.disconnect
        assert.isBelow((yield* Clock.currentTimeMillis) - before, 1_000)
        assert.strictEqual(yield* engine.state, "Disconnected")
      }
      yield* isEmpty(server)
    })
  )

  live(
    "tells the server when its scope closes",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const token = yield* server.token({ identity: "a", room: "r" })
      const engine = yield* RTCEngine.make
      yield* Effect.scoped(engine.connect({ url: server.url, token }))
      assert.strictEqual((yield* engine.disconnected).reason, DisconnectReason.CLIENT_INITIATED)
      yield* isEmpty(server)
    })
  )
})

describe("sendData", () => {
  live(
    "needs a connection, before connect and after disconnect",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const engine = yield* RTCEngine.make
      const send = engine.sendData(Packet.user("x")).pipe(Effect.result)
      const failsWith = (result: Effect.Success<typeof send>) =>
        Result.isFailure(result) ? result.failure.reason._tag : "Success"
      assert.strictEqual(failsWith(yield* send), "NotConnected")
      yield* engine.connect({ url: server.url, token: yield* server.token({ identity: "a", room: "r" }) })
      assert.strictEqual(failsWith(yield* send), "Success")
      yield* engine.disconnect
      assert.strictEqual(failsWith(yield* send), "NotConnected")
    })
  )
})

describe("a connection", () => {
  const pair = Effect.gen(function* () {
    const server = yield* DevServer.make()
    const join = Effect.fnUntraced(function* (identity: string) {
      const engine = yield* RTCEngine.make
      const events = yield* engine.subscribeEvents
      const seen: Array<number> = []
      const packets = yield* engine.subscribePackets
      yield* Stream.fromSubscription(packets).pipe(
        Stream.runForEach(({ packet }) =>
          Effect.sync(() => {
            if (packet.value.case === "user") seen.push(Number(new TextDecoder().decode(packet.value.value.payload)))
          })
        ),
        Effect.forkScoped
      )
      yield* engine.connect({ url: server.url, token: yield* server.token({ identity, room: "r" }) })
      return { engine, events, seen }
    })
    return { server, alice: yield* join("alice"), bob: yield* join("bob") }
  })

  live(
    "starts over when the server refuses the resume, and loses nothing that it sends",
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair
      yield* server.faults.refuseNextResume("alice")
      const sending = yield* Effect.forkChild(sendNumbers(alice.engine, 0, 200, 2))
      yield* Effect.sleep(50)
      yield* server.faults.dropSignal("alice")
      yield* awaitEvent(alice.events, ({ _tag }) => _tag === "Reconnected")
      yield* Fiber.join(sending)
      yield* Effect.sleep(300)
      assert.deepStrictEqual(bob.seen, numbers(0, 200))
    })
  )

  live(
    "resumes soon after dials were refused for a while, with nothing lost either way",
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair
      const sending = yield* Effect.forkChild(
        Effect.all([sendNumbers(alice.engine, 0, 300, 3), sendNumbers(bob.engine, 0, 300, 3)], {
          concurrency: "unbounded"
        })
      )
      yield* server.faults.refuseDials(600)
      yield* server.faults.dropSignal("alice")
      const back = yield* awaitEvent(alice.events, ({ _tag }) => _tag === "Resumed" || _tag === "Reconnected")
      assert.strictEqual(back._tag, "Resumed")
      yield* Fiber.join(sending)
      yield* Effect.sleep(300)
      assert.deepStrictEqual(bob.seen, numbers(0, 300))
      assert.deepStrictEqual(alice.seen, numbers(0, 300))
    })
  )

  live(
    "comes back after the server was stopped and started",
    Effect.gen(function* () {
      const { alice, server } = yield* pair
      yield* server.faults.stop
      yield* Effect.sleep(300)
      yield* server.faults.start
      yield* awaitEvent(alice.events, ({ _tag }) => _tag === "Reconnected")
      assert.include(yield* server.participants("r"), "alice")
    })
  )

  live(
    "ends once, with the server's reason, when the server says goodbye or the identity joins again",
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair
      yield* server.faults.leave("alice", new LeaveRequest({ reason: DisconnectReason.PARTICIPANT_REMOVED }))
      const ended = yield* alice.engine.disconnected
      assert.strictEqual(ended.reason, DisconnectReason.PARTICIPANT_REMOVED)
      const second = yield* RTCEngine.make
      yield* second.connect({ url: server.url, token: yield* server.token({ identity: "bob", room: "r" }) })
      assert.strictEqual((yield* bob.engine.disconnected).reason, DisconnectReason.DUPLICATE_IDENTITY)
      assert.strictEqual(yield* second.state, "Connected")
    })
  )

  live(
    "uses a refreshed token for the next dial",
    Effect.gen(function* () {
      const { alice, server } = yield* pair
      yield* server.faults.refreshToken("alice")
      yield* awaitEvent(alice.events, ({ _tag }) => _tag === "TokenRefreshed")
      yield* server.faults.dropSignal("alice")
      yield* awaitEvent(alice.events, ({ _tag }) => _tag === "Resumed")
    })
  )
})

const listening = <S extends Server | TcpServer>(make: () => S) =>
  Effect.acquireRelease(
    Effect.callback<S>((resume) => {
      const server = make()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        if ("closeAllConnections" in server) server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`))

const tcpServer = (onRequest: () => void) => listening(() => createTcpServer(onRequest))

/** Upgrades by hand and then says nothing. */
const webSocketServer = Effect.gen(function* () {
  const { createHash } = yield* Effect.promise(() => import("node:crypto"))
  return yield* listening(() => {
    const server = createServer()
    server.on("upgrade", (request, socket) => {
      const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
      const accept = createHash("sha1").update(key).digest("base64")
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`
      )
      socket.on("error", () => socket.destroy())
    })
    return server
  })
})

/** Everybody has left the room, or does so soon. */
const isEmpty = (server: DevServer.DevServer["Service"]) =>
  server
    .participants("r")
    .pipe(
      Effect.delay(10),
      Effect.repeat({ until: (identities) => identities.length === 0 }),
      Effect.timeout("5 seconds")
    )
