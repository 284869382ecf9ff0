/**
 * The real engine on a server in memory: nothing inside the engine is mocked, and time is that of the test's Clock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EngineError } from "../EngineError.ts"
import * as EngineServices from "../EngineServices.ts"
import type { Capabilities } from "../PeerConnectionFactory.ts"
import * as RTCEngine from "../RTCEngine.ts"
import { describeEvent } from "./describeEvent.ts"
import type { ExpectationFailed } from "./ExpectationFailed.ts"
import * as History from "./History.ts"
import type { SimNetwork } from "./SimNetwork.ts"
import * as TestServer from "./TestServer.ts"
import type * as TestToken from "./TestToken.ts"
import * as VirtualTime from "./VirtualTime.ts"

/**
 * Everything that `RTCEngine.make` needs, for a participant on its own paths of the network. {@link make} also gives the engine
 * its machine and a seed, and writes down what happens.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { TestRTCEngine } from "effect-livekit/testing"
 * import { Layer } from "effect"
 *
 * const engine = RTCEngine.layer.pipe(Layer.provide(TestRTCEngine.layerServices("alice", { iceRestart: false })))
 * ```
 *
 * @category layers
 */
export const layerServices = (
  participant: string,
  capabilities?: Partial<Capabilities>
): Layer.Layer<EngineServices.EngineServices, never, TestServer.TestServer> =>
  EngineServices.layer.pipe(
    Layer.provide(
      Layer.unwrap(Effect.map(TestServer.TestServer, ({ platform }) => platform(participant, capabilities)))
    )
  )

/**
 * Runs an effect on the machine of a participant: while that sleeps, the effect's timers wait. For parts of an application that
 * have timers of their own.
 *
 * @example
 * ```ts
 * import { TestRTCEngine } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const ticking = TestRTCEngine.onMachine("alice", Effect.forever(Effect.sleep("1 second")))
 * ```
 *
 * @category time
 */
export const onMachine = <A, E, R>(
  participant: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | TestServer.TestServer> =>
  Effect.gen(function* () {
    const { network } = yield* TestServer.TestServer
    const { machine } = yield* network.paths(participant)
    return yield* Effect.provideService(effect, Clock.Clock, machine.clock)
  })

/** The engine as it is, on the machine of its participant, with chance from a seed, and with what happens written down. */
const observed = Effect.fnUntraced(function* (
  participant: string
): Effect.fn.Return<RTCEngine.Engine, never, EngineServices.EngineServices | TestServer.TestServer | Scope.Scope> {
  const { network } = yield* TestServer.TestServer
  const { machine } = yield* network.paths(participant)
  const history = yield* History.History
  const random = yield* Random.withSeed(Random.Random, `${participant}, ${yield* network.nextSeed}`)
  const here = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provideService(Clock.Clock, machine.clock), Effect.provideService(Random.Random, random))
  const engine = yield* here(RTCEngine.make)
  const events = yield* engine.subscribeEvents
  yield* Stream.fromSubscription(events).pipe(
    Stream.runForEach((event) => Effect.sync(() => history.record(participant, () => describeEvent(event), { event }))),
    Effect.forkScoped
  )
  return { ...engine, connect: (options) => here(engine.connect(options)) }
})

/**
 * Makes the engine of a participant in the current scope; not yet connected.
 *
 * @example
 * ```ts
 * import { TestRTCEngine } from "effect-livekit/testing"
 *
 * const likeNodeDataChannel = TestRTCEngine.make("alice", { iceRestart: false, setConfiguration: false })
 * ```
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  participant: string,
  capabilities?: Partial<Capabilities>
): Effect.fn.Return<RTCEngine.Engine, never, TestServer.TestServer | Scope.Scope> {
  const services = yield* Layer.build(layerServices(participant, capabilities))
  return yield* Effect.provideContext(observed(participant), services)
})

/**
 * How a participant joins.
 *
 * @category models
 */
export interface JoinOptions extends Omit<RTCEngine.ConnectOptions, "url" | "token"> {
  /** Default `room`. */
  readonly room?: string | undefined
  /** What to do without, so as to be like another runtime. */
  readonly capabilities?: Partial<Capabilities> | undefined
  /** What the token grants beside joining. Default everything. */
  readonly token?: Partial<TestToken.TokenOptions> | undefined
}

/**
 * Makes the engine of a participant and connects it; lets time pass until that is done and the others know.
 *
 * @example
 * ```ts
 * import { Packet } from "effect-livekit"
 * import { TestRTCEngine, TestServer } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* TestServer.TestServer
 *   const alice = yield* TestRTCEngine.join("alice")
 *   yield* alice.sendData(Packet.user("hello"))
 *   return yield* server.received(1)
 * }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
 * ```
 *
 * @category constructors
 */
export const join = Effect.fnUntraced(function* (
  participant: string,
  options: JoinOptions = {}
): Effect.fn.Return<RTCEngine.Engine, EngineError | ExpectationFailed, TestServer.TestServer | Scope.Scope> {
  const { connect, engine } = yield* prepare(participant, options)
  yield* VirtualTime.advancing(connect, { what: `${participant} is connected`, within: "2 minutes" })
  yield* VirtualTime.settle
  return engine
})

/**
 * As {@link join}, but begins only, and lets no time pass: for tests that answer the requests themselves. The fiber ends when the
 * engine is connected, or cannot be.
 *
 * @example
 * ```ts
 * import { TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
 * import { Effect, Fiber } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* TestServer.TestServer
 *   yield* server.holdRequests
 *   const joining = yield* TestRTCEngine.joining("alice")
 *   const request = yield* server.request
 *   yield* request.accept({ delay: "3 seconds" })
 *   return yield* VirtualTime.advancing(Fiber.join(joining))
 * }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
 * ```
 *
 * @category constructors
 */
export const joining = Effect.fnUntraced(function* (
  participant: string,
  options: JoinOptions = {}
): Effect.fn.Return<Fiber.Fiber<RTCEngine.Engine, EngineError>, never, TestServer.TestServer | Scope.Scope> {
  const { connect, engine } = yield* prepare(participant, options)
  return yield* Effect.forkScoped(Effect.as(connect, engine))
})

const prepare = Effect.fnUntraced(function* (participant: string, options: JoinOptions) {
  const { capabilities, room = "room", token: granted, ...connect } = options
  const server = yield* TestServer.TestServer
  const engine = yield* make(participant, capabilities)
  const token = yield* server.token({ identity: participant, room, ...granted })
  return { engine, connect: engine.connect({ ...connect, url: server.url, token }) }
})

/**
 * The server of {@link layer}, and whose engine it is.
 *
 * @category models
 */
export interface LayerOptions extends TestServer.TestServerOptions {
  /** Whose engine it is. Default `alice`. */
  readonly participant?: string | undefined
  /** What to do without, so as to be like another runtime. */
  readonly capabilities?: Partial<Capabilities> | undefined
}

/**
 * One engine, with its server and its network, for an application that takes `RTCEngine` from its context.
 *
 * @example
 * ```ts
 * import { RTCEngine } from "effect-livekit"
 * import { TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const engine = yield* RTCEngine.RTCEngine
 *   const server = yield* TestServer.TestServer
 *   const token = yield* server.token({ identity: "alice", room: "room" })
 *   yield* VirtualTime.advancing(engine.connect({ url: server.url, token }))
 *   yield* server.faults.dropSignal("alice")
 * }).pipe(Effect.scoped, Effect.provide(TestRTCEngine.layer()))
 * ```
 *
 * @category layers
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<RTCEngine.RTCEngine | TestServer.TestServer | SimNetwork> => {
  const { capabilities, participant = "alice", ...server } = options
  return Layer.effect(RTCEngine.RTCEngine, make(participant, capabilities)).pipe(
    Layer.provideMerge(TestServer.layer(server))
  )
}
