/**
 * Alice and bob on a development server, alice behind a TCP proxy and a UDP relay of the test's own, and what each heard.
 */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Layer, type Scope, Stream } from "effect"
import { type EngineEvent, Packet, type PeerConnectionFactory, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import * as MediaRelay from "../fakes/MediaRelay.ts"
import * as TcpProxy from "../fakes/TcpProxy.ts"

export interface Participant {
  readonly engine: RTCEngine.Engine
  /** What happened so far, oldest first. */
  readonly events: Array<EngineEvent.EngineEvent>
  /** Numbers that came, in the order they came. */
  readonly received: Array<number>
  /** Completes when this event has happened, or has already. */
  readonly await: <Tag extends EngineEvent.EngineEvent["_tag"]>(
    tag: Tag
  ) => Effect.Effect<Extract<EngineEvent.EngineEvent, { readonly _tag: Tag }>>
  /** Completes when this number has come. */
  readonly hears: (number: number) => Effect.Effect<void>
}

/** An engine that keeps what happens to it. */
export const participant = Effect.fnUntraced(function* (): Effect.fn.Return<
  Participant,
  never,
  Layer.Success<typeof NodeRTCEngine.layerServices> | Scope.Scope
> {
  const engine = yield* RTCEngine.make
  const events: Array<EngineEvent.EngineEvent> = []
  const received: Array<number> = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  const until = <A>(find: () => A | undefined) =>
    Effect.gen(function* () {
      const done = yield* Deferred.make<A>()
      const look = () => {
        const found = find()
        if (found === undefined) return
        waiting.delete(look)
        Deferred.doneUnsafe(done, Effect.succeed(found))
      }
      waiting.add(look)
      look()
      return yield* Effect.ensuring(
        Deferred.await(done),
        Effect.sync(() => waiting.delete(look))
      )
    }).pipe(Effect.timeout("25 seconds"), Effect.orDie)
  const follow = <A>(stream: Stream.Stream<A>, use: (value: A) => void) =>
    stream.pipe(
      Stream.runForEach((value) =>
        Effect.sync(() => {
          use(value)
          wake()
        })
      ),
      Effect.forkScoped
    )
  yield* follow(Stream.fromSubscription(yield* engine.subscribeEvents), (event) => events.push(event))
  yield* follow(Stream.fromSubscription(yield* engine.subscribePackets), ({ packet }) => {
    if (packet.value.case === "user") received.push(Number(new TextDecoder().decode(packet.value.value.payload)))
  })
  return {
    engine,
    events,
    received,
    await: (tag) =>
      until(() =>
        events.find((event): event is Extract<EngineEvent.EngineEvent, { _tag: typeof tag }> => event._tag === tag)
      ),
    hears: (number) => Effect.asVoid(until(() => (received.includes(number) ? true : undefined)))
  }
})

export const meeting = Effect.fnUntraced(function* (options: DevServer.DevServerOptions = {}) {
  const server = yield* DevServer.make(options).pipe(Effect.orDie)
  const proxy = yield* TcpProxy.make(server.url)
  const relay = yield* MediaRelay.make
  const relayed = yield* Layer.build(
    // Not the one of everybody else, which is built already.
    Layer.fresh(NodeRTCEngine.layerServicesWithoutDependencies).pipe(
      Layer.provide(relay.layer),
      Layer.provide(NodeDataChannel.layer),
      Layer.provide(NodeRTCEngine.layerPlatform)
    )
  )
  const alice = yield* participant().pipe(Effect.provideContext(relayed))
  const bob = yield* participant()
  const connectAlice = Effect.flatMap(server.token({ identity: "alice", room: "room" }), (token) =>
    alice.engine.connect({ url: proxy.url, token })
  )
  yield* bob.engine.connect({ url: server.url, token: yield* server.token({ identity: "bob", room: "room" }) })
  return { server, proxy, relay, alice, bob, connectAlice }
})

const count = 500

/** Sends the numbers both ways, one every few milliseconds. */
export const exchange = (alice: Participant, bob: Participant, millis = 4) => {
  const send = ({ engine }: Participant) =>
    Effect.forEach(
      numbers,
      (number) => Effect.andThen(engine.sendData(Packet.user(String(number))), Effect.sleep(millis)),
      { discard: true }
    )
  return Effect.all([send(alice), send(bob)], { concurrency: "unbounded", discard: true })
}

const numbers = Array.from({ length: count }, (_, index) => index)

/** Everything came once and in order. */
export const heardAll = ({ hears, received }: Participant) =>
  Effect.andThen(
    hears(count - 1),
    Effect.sync(() => assert.deepStrictEqual(received, numbers))
  )

/**
 * What others send to a participant that joins anew is kept by no server: what came is in order and once, and what is missing is
 * one piece.
 */
export const heardAllButOnePiece = ({ hears, received }: Participant) =>
  Effect.andThen(
    hears(count - 1),
    Effect.sync(() => {
      const steps = received.slice(1).map((number, index) => number - (received[index] ?? 0))
      assert.strictEqual(received[0], 0)
      assert.isAtLeast(Math.min(...steps), 1, "nothing came twice or out of order")
      assert.isAtMost(steps.filter((step) => step > 1).length, 1, "one piece is missing at most")
    })
  )

export const layer: Layer.Layer<
  Layer.Success<typeof NodeRTCEngine.layerServices> | PeerConnectionFactory.PeerConnectionFactory
> = Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)
