/**
 * Media by way of relays only: a runtime that takes no ICE servers later must not offer before it knows them.
 */
import {
  ClientConfigSetting,
  ClientConfiguration,
  ICEServer,
  JoinRequest,
  type JoinResponse,
  SignalResponse,
  WrappedJoinRequest
} from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Fiber, Layer, Stream } from "effect"
import { EngineServices, RTCEngine, WebSocketConstructor } from "effect-livekit"
import { TestServer, VirtualTime } from "effect-livekit/testing"

const hasOffer = (href: string) => {
  const wrapped = Buffer.from(new URL(href).searchParams.get("join_request") ?? "", "base64url")
  return JoinRequest.fromBinary(WrappedJoinRequest.fromBinary(wrapped).joinRequest).publisherOffer !== undefined
}

/** The message as it is changed, if it is a join. */
const changed = (data: unknown, change: (join: JoinResponse) => void): unknown => {
  if (!(data instanceof ArrayBuffer)) return data
  const response = SignalResponse.fromBinary(new Uint8Array(data))
  if (response.message.case !== "join") return data
  change(response.message.value)
  return response.toBinary().slice().buffer
}
const forced = (join: JoinResponse) => {
  join.clientConfiguration = new ClientConfiguration({ forceRelay: ClientConfigSetting.ENABLED })
}
const named = (join: JoinResponse) => {
  join.iceServers = [new ICEServer({ urls: ["turn:turn.test"], username: "alice", credential: "secret" })]
}

/** Connects; whether each of the joins had an offer. */
const joinsOf = (options: {
  readonly rtc: RTCEngine.ConnectOptions["rtc"]
  readonly setConfiguration: boolean
  readonly change?: (join: JoinResponse) => void
  /** Nothing gets through for that long. */
  readonly blocked?: Duration.Input
}) =>
  Effect.gen(function* () {
    const server = yield* TestServer.TestServer
    const offers: Array<boolean> = []
    const sockets = Layer.effect(
      WebSocketConstructor.WebSocketConstructor,
      Effect.map(WebSocketConstructor.WebSocketConstructor, (open) => (href: string) => {
        offers.push(hasOffer(href))
        const socket = open(href)
        const add = socket.addEventListener.bind(socket)
        const { change = () => {} } = options
        socket.addEventListener = (type, listener) =>
          add(type, (event) => listener(type === "message" ? { ...event, data: changed(event.data, change) } : event))
        return socket
      })
    )
    const platform = server.platform("alice", { setConfiguration: options.setConfiguration })
    const services = yield* Layer.build(EngineServices.layer.pipe(Layer.provide(Layer.provideMerge(sockets, platform))))
    const engine = yield* Effect.provideContext(RTCEngine.make, services)
    const joins: Array<string> = []
    yield* engine.events.pipe(
      Stream.runForEach(({ _tag }) => Effect.sync(() => (_tag === "Joined" ? joins.push(_tag) : 0))),
      Effect.forkScoped
    )
    yield* VirtualTime.settle
    const { cutOff, restore } = server.network
    const token = yield* server.token({ identity: "alice", room: "room" })
    if (options.blocked !== undefined) yield* cutOff("alice", { path: "media" })
    const connecting = yield* Effect.forkScoped(engine.connect({ url: server.url, token, rtc: options.rtc }))
    yield* VirtualTime.elapse(options.blocked ?? 0)
    yield* restore("alice", { path: "media" })
    yield* VirtualTime.elapse("2 seconds")
    yield* Fiber.join(connecting)
    assert.strictEqual(yield* engine.state, "Connected")
    assert.deepStrictEqual(yield* server.participants("room"), ["alice"])
    assert.strictEqual(joins.length, options.blocked === undefined ? 1 : offers.length)
    return offers
  }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))

const relay = { iceTransportPolicy: "relay" } as const
const own = [{ urls: ["turn:turn.test"], username: "alice", credential: "secret" }]

describe("the offer in the join, where the runtime takes no ICE servers later", () => {
  it.effect("is not made for relays that only the server can name", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* joinsOf({ rtc: relay, setConfiguration: false }), [false])
    })
  )

  it.effect("is made for relays of the application, and for any way there is", () =>
    Effect.gen(function* () {
      for (const rtc of [{ ...relay, iceServers: own }, {}]) {
        assert.deepStrictEqual(yield* joinsOf({ rtc, setConfiguration: false }), [true])
      }
    })
  )

  it.effect("is followed by another join when the server forces relays", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* joinsOf({ rtc: {}, setConfiguration: false, change: forced }), [true, false])
      for (const rtc of [{ ...relay, iceServers: own }, relay]) {
        assert.strictEqual((yield* joinsOf({ rtc, setConfiguration: false, change: forced })).length, 1)
      }
    })
  )
})

describe("a direct path that does not come about, where the runtime takes no ICE servers later", () => {
  it.effect("is soon given up for the relays that the server has", () =>
    Effect.gen(function* () {
      const blocked = "6 seconds"
      assert.deepStrictEqual(yield* joinsOf({ rtc: {}, setConfiguration: false, change: named, blocked }), [
        true,
        false
      ])
    })
  )

  it.effect("is waited for where there are none, or where they are known", () =>
    Effect.gen(function* () {
      const blocked = "6 seconds"
      assert.deepStrictEqual(yield* joinsOf({ rtc: {}, setConfiguration: false, blocked }), [true])
      const rtc = { iceServers: own }
      assert.deepStrictEqual(yield* joinsOf({ rtc, setConfiguration: false, change: named, blocked }), [true])
      assert.deepStrictEqual(yield* joinsOf({ rtc: {}, setConfiguration: true, change: named, blocked }), [true])
    })
  )
})

describe("the offer in the join, where ICE servers can be replaced", () => {
  it.effect("is always made", () =>
    Effect.gen(function* () {
      for (const rtc of [{}, relay, { ...relay, iceServers: own }]) {
        assert.deepStrictEqual(yield* joinsOf({ rtc, setConfiguration: true, change: forced }), [true])
      }
    })
  )
})
