/**
 * Media by way of relays only: a runtime that takes no ICE servers later must not offer before it knows them.
 */
import {
  ClientConfigSetting,
  ClientConfiguration,
  JoinRequest,
  SignalResponse,
  WrappedJoinRequest
} from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { EngineServices, RTCEngine, WebSocketConstructor } from "effect-livekit"
import { TestServer, VirtualTime } from "effect-livekit/testing"

const hasOffer = (href: string) => {
  const wrapped = Buffer.from(new URL(href).searchParams.get("join_request") ?? "", "base64url")
  return JoinRequest.fromBinary(WrappedJoinRequest.fromBinary(wrapped).joinRequest).publisherOffer !== undefined
}

/** The message with relays forced, if it is a join. */
const forceRelay = (data: unknown): unknown => {
  if (!(data instanceof ArrayBuffer)) return data
  const response = SignalResponse.fromBinary(new Uint8Array(data))
  if (response.message.case !== "join") return data
  response.message.value.clientConfiguration = new ClientConfiguration({ forceRelay: ClientConfigSetting.ENABLED })
  return response.toBinary().slice().buffer
}

/** Connects; whether each of the joins had an offer. */
const joinsOf = (options: {
  readonly rtc: RTCEngine.ConnectOptions["rtc"]
  readonly setConfiguration: boolean
  readonly isForced?: boolean
}) =>
  VirtualTime.advancing(
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const offers: Array<boolean> = []
      const sockets = Layer.effect(
        WebSocketConstructor.WebSocketConstructor,
        Effect.map(WebSocketConstructor.WebSocketConstructor, (open) => (href: string) => {
          offers.push(hasOffer(href))
          const socket = open(href)
          const add = socket.addEventListener.bind(socket)
          if (options.isForced === true) {
            socket.addEventListener = (type, listener) =>
              add(type, (event) => listener(type === "message" ? { ...event, data: forceRelay(event.data) } : event))
          }
          return socket
        })
      )
      const platform = server.platform("alice", { setConfiguration: options.setConfiguration })
      const services = yield* Layer.build(
        EngineServices.layer.pipe(Layer.provide(Layer.provideMerge(sockets, platform)))
      )
      const engine = yield* Effect.provideContext(RTCEngine.make, services)
      const joins: Array<string> = []
      yield* engine.events.pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => (_tag === "Joined" ? joins.push(_tag) : 0))),
        Effect.forkScoped
      )
      yield* VirtualTime.settle
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* engine.connect({ url: server.url, token, rtc: options.rtc })
      assert.strictEqual(yield* engine.state, "Connected")
      assert.deepStrictEqual(yield* server.participants("room"), ["alice"])
      assert.deepStrictEqual(joins, ["Joined"])
      return offers
    })
  ).pipe(Effect.scoped, Effect.provide(TestServer.layer()))

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
      assert.deepStrictEqual(yield* joinsOf({ rtc: {}, setConfiguration: false, isForced: true }), [true, false])
      for (const rtc of [{ ...relay, iceServers: own }, relay]) {
        assert.strictEqual((yield* joinsOf({ rtc, setConfiguration: false, isForced: true })).length, 1)
      }
    })
  )
})

describe("the offer in the join, where ICE servers can be replaced", () => {
  it.effect("is always made", () =>
    Effect.gen(function* () {
      for (const rtc of [{}, relay, { ...relay, iceServers: own }]) {
        assert.deepStrictEqual(yield* joinsOf({ rtc, setConfiguration: true, isForced: true }), [true])
      }
    })
  )
})
