/**
 * Connected means that what others send can arrive: with two peer connections that takes the server's channels.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import {
  DataChannel,
  PeerConnectionFactory,
  PeerConnectionTransport,
  RegionUrlProvider,
  RTCEngine,
  SignalClient
} from "effect-livekit"
import { TestServer, VirtualTime } from "effect-livekit/testing"

/** An engine with two peer connections, to which the server's channels are announced as the test wants. */
const connecting = Effect.fnUntraced(function* (
  announce: (channel: PeerConnectionFactory.RtcDataChannel, now: () => void) => void
) {
  const server = yield* TestServer.TestServer
  const platform = yield* Layer.build(server.platform("alice"))
  const factory = Context.get(platform, PeerConnectionFactory.PeerConnectionFactory)
  const services = yield* Layer.build(
    Layer.mergeAll(SignalClient.layer, PeerConnectionTransport.layer, DataChannel.layer, RegionUrlProvider.layer).pipe(
      Layer.provide(
        Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, {
          ...factory,
          make: (configuration, handlers) =>
            factory.make(configuration, {
              ...handlers,
              onDataChannel: (channel) => announce(channel, () => handlers.onDataChannel(channel))
            })
        })
      ),
      Layer.provide(Layer.succeedContext(platform))
    )
  )
  const engine = yield* Effect.provideContext(RTCEngine.make, services)
  const token = yield* server.token({ identity: "alice", room: "room" })
  const fiber = yield* Effect.forkScoped(engine.connect({ url: server.url, token, connectionMode: "dual" }))
  return { engine, fiber }
})

describe("connect with two peer connections", () => {
  it.effect("waits for the server's reliable channel", () =>
    Effect.gen(function* () {
      const late: Array<() => void> = []
      const { engine, fiber } = yield* connecting((channel, now) =>
        channel.label === "_reliable" ? void late.push(now) : now()
      )
      yield* VirtualTime.elapse("3 seconds")
      assert.strictEqual(yield* engine.state, "Connecting")
      for (const announce of late) announce()
      yield* VirtualTime.elapse("100 millis")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* engine.state, "Connected")
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )

  it.effect("says that the channel did not open when it never comes", () =>
    Effect.gen(function* () {
      const { engine, fiber } = yield* connecting((channel, now) => (channel.label === "_reliable" ? undefined : now()))
      yield* VirtualTime.elapse("25 seconds")
      const { reason } = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(reason, { _tag: "ChannelNotOpened", target: "subscriber", label: "_reliable", millis: 20_000 })
      assert.strictEqual(yield* engine.state, "Disconnected")
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
  )
})
