/**
 * Faults of the network and the server on real sockets and real WebRTC: 500 numbered packets each way, and what each side heard.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason } from "@livekit/protocol"
import { Effect, Fiber, Layer, type Scope } from "effect"
import { RegionUrlProvider } from "effect-livekit"
import { NodeRTCEngine } from "effect-livekit/node"
import { createServer } from "node:http"
import { exchange, heardAll, heardAllButOnePiece, layer, meeting, participant } from "./suites/meeting.ts"

const live = <A, E>(name: string, test: Effect.Effect<A, E, Layer.Success<typeof layer> | Scope.Scope>) =>
  it.live(name, () => test.pipe(Effect.scoped, Effect.provide(layer)), 90_000)

/** Both connected and exchanging, then `fault`, then all of it. */
const during = <A, E, R>(
  fault: (all: Effect.Success<ReturnType<typeof meeting>>) => Effect.Effect<A, E, R>,
  options: Parameters<typeof meeting>[0] & { readonly millis?: number } = {}
) =>
  Effect.gen(function* () {
    const all = yield* meeting(options)
    yield* all.connectAlice
    const exchanging = yield* Effect.forkChild(exchange(all.alice, all.bob, options.millis ?? 4))
    yield* all.bob.hears(20)
    yield* all.alice.hears(20)
    yield* fault(all)
    yield* Fiber.join(exchanging)
    return all
  })

const tags = (events: ReadonlyArray<{ readonly _tag: string }>, ...of: ReadonlyArray<string>) =>
  events.map(({ _tag }) => _tag).filter((tag) => of.includes(tag))
const turns = ["Connected", "Resuming", "Resumed", "Reconnecting", "Reconnected", "Disconnected"]

describe.concurrent("nothing is lost, either way,", () => {
  live(
    "when the signal connection is cut, and the path is proven to be alive",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(({ alice, proxy }) => Effect.andThen(proxy.cut, alice.await("Resumed")))
      yield* heardAll(bob)
      yield* heardAll(alice)
      assert.deepStrictEqual(tags(alice.events, ...turns), ["Connected", "Resuming", "Resumed"])
      const { answered } = (yield* alice.await("Resumed")).evidence
      assert.deepStrictEqual(
        answered.map(({ target }) => target),
        ["publisher"]
      )
    })
  )

  live(
    "when dials are refused for 3 s",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(
        Effect.fnUntraced(function* ({ alice, proxy }) {
          yield* proxy.refuse
          yield* proxy.cut
          yield* Effect.sleep("3 seconds")
          assert.strictEqual(yield* alice.engine.state, "Resuming")
          yield* proxy.accept
          yield* alice.await("Resumed")
        }),
        { millis: 8 }
      )
      yield* heardAll(bob)
      yield* heardAll(alice)
    })
  )

  live(
    "when the signal connection goes silent without an end: it is closed with 3000 and taken up again",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(({ alice, proxy }) => Effect.andThen(proxy.stall, alice.await("Resumed")), {
        millis: 8,
        pingInterval: 1,
        pingTimeout: 1
      })
      const { cause } = yield* alice.await("Resuming")
      assert.deepStrictEqual(cause, { _tag: "SignalEnded", end: { _tag: "PingTimeout" } })
      yield* heardAll(bob)
      yield* heardAll(alice)
    })
  )

  live(
    "when a proxy answers the resume with HTTP 500 while the server is well",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(({ alice, proxy }) =>
        proxy
          .answer(1, 500, "upstream connect error")
          .pipe(Effect.andThen(proxy.cut), Effect.andThen(alice.await("Resumed")))
      )
      assert.isAtLeast((yield* alice.await("Resumed")).attempts, 2)
      yield* heardAll(bob)
      yield* heardAll(alice)
    })
  )

  live(
    "when the media path is blocked for 4 s and the signal connection lives",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(
        Effect.fnUntraced(function* ({ relay }) {
          yield* relay.setBlocked(true)
          yield* Effect.sleep("4 seconds")
          yield* relay.setBlocked(false)
        }),
        { millis: 10 }
      )
      yield* heardAll(bob)
      yield* heardAll(alice)
      assert.deepStrictEqual(tags(alice.events, ...turns), ["Connected"])
    })
  )

  live(
    "when nothing at all gets through for 4 s; connected is not said before the path has answered",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(
        Effect.fnUntraced(function* ({ alice, proxy, relay }) {
          yield* relay.setBlocked(true)
          yield* proxy.cut
          yield* Effect.sleep("4 seconds")
          assert.strictEqual(yield* alice.engine.state, "Resuming")
          yield* relay.setBlocked(false)
          yield* alice.await("Resumed")
        }),
        { millis: 12 }
      )
      yield* heardAll(bob)
      yield* heardAll(alice)
    })
  )
})

describe.concurrent("nothing that is sent is lost, and what comes is whole but for the time between two sessions,", () => {
  live(
    "when the server refuses the resume",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(({ alice, proxy, server }) =>
        server.faults
          .refuseNextResume("alice")
          .pipe(Effect.andThen(proxy.cut), Effect.andThen(alice.await("Reconnected")))
      )
      yield* heardAll(bob)
      yield* heardAllButOnePiece(alice)
      assert.deepStrictEqual(tags(alice.events, ...turns), ["Connected", "Resuming", "Reconnecting", "Reconnected"])
      assert.isTrue((yield* alice.await("InDoubt")).resent)
    })
  )

  live(
    "when the server answers the resume with HTTP 500",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(({ alice, proxy, server }) =>
        server.faults
          .rejectNextDial(500, "connection closed by media")
          .pipe(Effect.andThen(proxy.cut), Effect.andThen(alice.await("Reconnected")))
      )
      yield* heardAll(bob)
      yield* heardAllButOnePiece(alice)
    })
  )

  live(
    "when the path has died with the signal connection, and a server that can be reached answers nothing over it",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(
        Effect.fnUntraced(function* ({ alice, proxy, relay }) {
          yield* relay.setBlocked(true)
          yield* proxy.cut
          yield* alice.await("FullReconnecting")
          yield* relay.setBlocked(false)
          yield* alice.await("Reconnected")
        }),
        { millis: 30 }
      )
      yield* heardAll(bob)
      yield* heardAllButOnePiece(alice)
      assert.deepStrictEqual(tags(alice.events, ...turns), ["Connected", "Resuming", "Reconnecting", "Reconnected"])
    })
  )

  live(
    "when the media does not come back with the first new session",
    Effect.gen(function* () {
      const { alice, bob, proxy, server } = yield* during(
        Effect.fnUntraced(function* ({ alice, proxy, relay, server }) {
          yield* relay.setBlocked(true)
          yield* server.faults.refuseNextResume("alice")
          yield* proxy.cut
          yield* alice.await("FullReconnecting")
          yield* Effect.sleep(300)
          // Cut before the peer connections are up: the server forgets such a session at once.
          yield* proxy.cut
          yield* relay.setBlocked(false)
          yield* alice.await("Reconnected")
        }),
        { millis: 8 }
      )
      yield* heardAll(bob)
      yield* heardAllButOnePiece(alice)
      assert.isAtLeast(proxy.dials(), 4)
      assert.deepStrictEqual([...(yield* server.participants("room"))].toSorted(), ["alice", "bob"])
    })
  )
})

describe("a server that is killed and started again", () => {
  live(
    "is joined by both, each packet arrives once and in order, and what is missing is said",
    Effect.gen(function* () {
      const { alice, bob } = yield* during(
        Effect.fnUntraced(function* ({ alice, bob, server }) {
          yield* server.faults.stop
          yield* Effect.sleep(500)
          yield* server.faults.start
          yield* alice.await("Reconnected")
          yield* bob.await("Reconnected")
        }),
        { millis: 8 }
      )
      yield* heardAllButOnePiece(bob)
      yield* heardAllButOnePiece(alice)
      for (const sender of [alice, bob]) assert.isAbove((yield* sender.await("InDoubt")).sequences.length, 0)
    })
  )
})

describe.concurrent("an end that is meant", () => {
  live(
    "comes once, with its reason, when the identity joins elsewhere",
    Effect.gen(function* () {
      const { alice, bob, connectAlice, server } = yield* meeting()
      yield* connectAlice
      const other = yield* participant()
      yield* other.engine.connect({
        url: server.url,
        token: yield* server.token({ identity: "alice", room: "room" })
      })
      assert.strictEqual((yield* alice.engine.disconnected).reason, DisconnectReason.DUPLICATE_IDENTITY)
      yield* exchange(other, bob, 1)
      yield* heardAll(bob)
      yield* heardAll(other)
      assert.deepStrictEqual(tags(alice.events, ...turns), ["Connected", "Disconnected"])
    })
  )

  live(
    "waits until all that was accepted has arrived, over an outage too, if that is asked for",
    Effect.gen(function* () {
      const { alice, bob, connectAlice, proxy, server } = yield* meeting()
      yield* connectAlice
      yield* exchange(alice, bob, 0)
      yield* proxy.cut
      assert.isTrue(yield* alice.engine.disconnectAfterFlush("20 seconds"))
      assert.strictEqual((yield* alice.engine.disconnected).error, undefined)
      yield* heardAll(bob)
      yield* Effect.sleep(100)
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
    })
  )

  live(
    "leaves nothing at the server after a resume",
    Effect.gen(function* () {
      const { alice, connectAlice, proxy, server } = yield* meeting()
      yield* connectAlice
      yield* proxy.cut
      yield* alice.await("Resumed")
      yield* alice.engine.disconnect
      yield* Effect.sleep(100)
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
    })
  )
})

describe("a first join", () => {
  live(
    "whose signal is cut before its media is up fails with what happened and leaves nothing",
    Effect.gen(function* () {
      const { alice, connectAlice, proxy, relay, server } = yield* meeting()
      yield* relay.setBlocked(true)
      const connecting = yield* Effect.forkChild(Effect.flip(connectAlice))
      yield* alice.await("Joined")
      yield* Effect.sleep(100)
      yield* proxy.cut
      assert.strictEqual((yield* Fiber.join(connecting)).reason._tag, "SocketLost")
      assert.strictEqual(yield* alice.engine.state, "Disconnected")
      yield* Effect.sleep(100)
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
    })
  )
})

describe("regions", () => {
  live(
    "are tried in their order, at the first join and when a session is lost; one that is down costs one dial",
    Effect.gen(function* () {
      const { bob, proxy, server } = yield* meeting()
      const settings = yield* regionSettings(["ws://127.0.0.1:9", proxy.url])
      const regions = yield* Layer.build(
        RegionUrlProvider.layerAnyHost.pipe(Layer.provide(NodeRTCEngine.layerPlatform))
      )
      const alice = yield* participant().pipe(Effect.provideContext(regions))
      yield* alice.engine.connect({
        url: settings.url,
        token: yield* server.token({ identity: "alice", room: "room" })
      })
      const exchanging = yield* Effect.forkChild(exchange(alice, bob))
      yield* bob.hears(20)
      yield* server.faults.refuseNextResume("alice")
      yield* proxy.cut
      yield* alice.await("Reconnected")
      yield* Fiber.join(exchanging)
      yield* heardAll(bob)
      yield* heardAllButOnePiece(alice)
      assert.strictEqual(settings.requests(), 1)
    })
  )
})

/** An address that has nothing but a list of regions. */
const regionSettings = (regions: ReadonlyArray<string>) =>
  Effect.callback<{ readonly url: string; readonly requests: () => number; readonly close: () => void }>((resume) => {
    let requests = 0
    const server = createServer((request, response) => {
      if (request.url !== "/settings/regions") return response.writeHead(404).end()
      requests++
      return response.end(
        JSON.stringify({ regions: regions.map((url, index) => ({ region: `region ${index}`, url, distance: index })) })
      )
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ url: `ws://127.0.0.1:${port}`, requests: () => requests, close: () => server.close() }))
    })
  }).pipe((open) => Effect.acquireRelease(open, ({ close }) => Effect.sync(close)))
