/**
 * A LiveKit-compatible server in memory, on a network that the test controls, on the Clock of the test.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import { HttpGet } from "../HttpGet.ts"
import type { ReceivedPacket } from "../Packet.ts"
import type { Capabilities, PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import type { Forwarded } from "../room/Room.ts"
import * as RestartableRooms from "../room/RestartableRooms.ts"
import { TokenVerifier } from "../room/TokenVerifier.ts"
import { WebSocketConstructor } from "../WebSocketConstructor.ts"
import type { ExpectationFailed } from "./ExpectationFailed.ts"
import { failed } from "./ExpectationFailed.ts"
import * as History from "./History.ts"
import * as Inbox from "./Inbox.ts"
import { InMemoryWebSocket } from "./InMemoryWebSocket.ts"
import * as LinkedPeerConnection from "./LinkedPeerConnection.ts"
import * as SimNetworks from "./SimNetwork.ts"
import { SimNetwork } from "./SimNetwork.ts"
import * as TestFaults from "./TestFaults.ts"
import * as TestListener from "./TestListener.ts"
import * as TestParticipant from "./TestParticipant.ts"
import * as TestRequest from "./TestRequest.ts"
import * as TestToken from "./TestToken.ts"
import * as passing from "./passing.ts"

/**
 * What kind of server it is.
 *
 * @category models
 */
export interface TestServerOptions {
  /** Seconds; default 5. */
  readonly pingInterval?: number | undefined
  /** Seconds; default 15. */
  readonly pingTimeout?: number | undefined
  /** False makes a server that knows only `/rtc`, as older ones do. Default true. */
  readonly hasV1?: boolean | undefined
  /**
   * Names of regions, nearest first, as LiveKit Cloud has them: the server is then at `wss://test.livekit.cloud`, and each
   * region at a host of its own in front of that. All lead to the same rooms. Default none.
   */
  readonly regions?: ReadonlyArray<string> | undefined
  /** Hears of every data packet that the server has accepted, and of those it went to. */
  readonly onForwarded?: ((forwarded: Forwarded) => void) | undefined
  /** Of all that is left to chance, on the network and in the engines. Default `effect-livekit`. */
  readonly seed?: string | number | undefined
}

/**
 * Troubles of the whole server, and of single participants.
 *
 * @category models
 */
export type Faults = TestFaults.Faults

/**
 * A dial that waits for the test's decision.
 *
 * @example
 * ```ts
 * import { type TestServer } from "effect-livekit/testing"
 *
 * const slowly = (request: TestServer.Request) => request.accept({ delay: "3 seconds", firstFrameDelay: "2 seconds" })
 * const busy = (request: TestServer.Request) => request.reject(503, "node has exceeded its configured limit")
 * ```
 *
 * @category models
 */
export type Request = TestRequest.TestRequest

/**
 * A participant without an engine.
 *
 * @example
 * ```ts
 * import { type TestServer } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const talk = Effect.fnUntraced(function* (bob: TestServer.Participant) {
 *   yield* bob.send("ping", { topic: "game" })
 *   const [answer] = yield* bob.received(1, { from: "alice", within: "5 seconds" })
 *   yield* bob.update({ metadata: "happy" })
 *   yield* bob.leave
 *   return answer
 * })
 * ```
 *
 * @category models
 */
export type Participant = TestParticipant.TestParticipant

/**
 * Who is let in without an engine, and what for. Default everything, in the room `room`.
 *
 * @category models
 */
export interface JoinOptions extends Partial<Omit<TestToken.TokenOptions, "ttl">> {
  readonly identity: string
}

/**
 * What a participant's engine needs of its platform: sockets, HTTP and peer connections.
 *
 * @category models
 */
export type Platform = WebSocketConstructor | HttpGet | PeerConnectionFactory

/**
 * The server of a test. By default its room answers by itself, as a LiveKit server does; a test can take requests into its own
 * hand, let in others, look at what was received, and make trouble.
 *
 * @example
 * ```ts
 * import { Packet } from "effect-livekit"
 * import { Expect, TestRTCEngine, TestServer } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* TestServer.TestServer
 *   const alice = yield* TestRTCEngine.join("alice")
 *   const bob = yield* server.join({ identity: "bob" })
 *   yield* server.faults.dropSignal("alice")
 *   const resume = yield* server.request
 *   yield* alice.sendData(Packet.user("still here"))
 *   yield* resume.accept({ delay: "2 seconds" })
 *   yield* Expect.event("alice", "Resumed")
 *   return yield* bob.received(1)
 * }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
 * ```
 *
 * @category services
 */
export class TestServer extends Context.Service<
  TestServer,
  {
    /** `ws://livekit.test`; any other host is unreachable. */
    readonly url: string
    /** A token for a participant. */
    readonly token: (options: TestToken.TokenOptions) => Effect.Effect<Redacted.Redacted<string>>
    readonly participants: (room: string) => Effect.Effect<ReadonlyArray<string>>
    /** The URLs of the regions, nearest first. */
    readonly regions: ReadonlyArray<string>
    /**
     * The next dial of a client, for the test to decide; from the first use on, all dials wait for that. Lets time pass until
     * there is one; fails with the history when there is none within a minute, or the time given.
     */
    readonly request: Effect.Effect<Request, ExpectationFailed>
    /** From now on dials wait for {@link request}. */
    readonly holdRequests: Effect.Effect<void>
    /** The room answers by itself again, also what waits. */
    readonly answerRequests: Effect.Effect<void>
    /** Lets another participant into a room, one without an engine. */
    readonly join: (options: JoinOptions) => Effect.Effect<Participant>
    /**
     * Texts of the next user packets that clients have sent to the server, each handed out once, replayed ones too. Lets time
     * pass until they are there; fails with the history when they are not within a minute, or the time given.
     */
    readonly received: (
      count: number,
      options?: Inbox.ReceiveOptions
    ) => Effect.Effect<ReadonlyArray<string>, ExpectationFailed>
    /** All packets that clients have sent so far, as they came. */
    readonly packets: Effect.Effect<ReadonlyArray<ReceivedPacket & { readonly from: string }>>
    readonly faults: Faults
    /** The network around it, which is a service of its own too. */
    readonly network: SimNetwork["Service"]
    /** The platform of a participant, who is on the paths of that name in the {@link SimNetwork}. */
    readonly platform: (participant: string, capabilities?: Partial<Capabilities>) => Layer.Layer<Platform>
  }
>()("effect-livekit/testing/TestServer") {}

/**
 * A server on a network that there is already.
 *
 * @example
 * ```ts
 * import { LinkedPeerConnection, SimNetwork, TestServer } from "effect-livekit/testing"
 * import { Layer } from "effect"
 *
 * const server = Layer.effect(TestServer.TestServer, TestServer.make({ pingInterval: 1, pingTimeout: 3 })).pipe(
 *   Layer.provide(LinkedPeerConnection.layerExchange),
 *   Layer.provideMerge(SimNetwork.layer)
 * )
 * ```
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: TestServerOptions = {}) {
  const { pingInterval = 5, pingTimeout = 15, hasV1 = true } = options
  const network = yield* SimNetwork
  const exchange = yield* LinkedPeerConnection.Exchange
  const history = yield* History.History
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const tokens = TestToken.make(clock)
  const desk = yield* TestRequest.make
  const inbox = Inbox.make("the server")
  const { regions, url } = TestFaults.addresses(options.regions ?? [])
  const rooms = yield* RestartableRooms.make({
    pingInterval,
    pingTimeout,
    updateInterval: 0,
    gunzip: () => Effect.fail("Unreadable"),
    onForwarded: options.onForwarded,
    onFault: (what) => history.record("server", what),
    onPacket: (from, kind, bytes) => {
      const letter = inbox.put(from, kind, bytes)
      const what = () => `receives from ${from}, ${letter === undefined ? "no packet" : Inbox.describe(letter)}`
      history.record("server", what, { group: `${from}, ${kind}` })
    }
  }).pipe(
    Effect.provide(Layer.provide(LinkedPeerConnection.layer(), Layer.succeed(LinkedPeerConnection.Exchange, exchange))),
    Effect.provideService(TokenVerifier, tokens)
  )
  const { faults, isReachable } = yield* TestFaults.make(rooms, [url, ...regions], history)
  const listener = TestListener.make({ rooms, desk, history, hasV1, regions, isReachable })

  const platform = (participant: string, capabilities: Partial<Capabilities> = {}): Layer.Layer<Platform> =>
    Layer.unwrap(
      Effect.map(network.paths(participant), ({ machine, media, signal }) =>
        Layer.mergeAll(
          Layer.succeed(WebSocketConstructor, (href) => {
            const socket = new InMemoryWebSocket()
            run(Effect.forkIn(Effect.scoped(listener.serve(participant, signal, new URL(href), socket)), scope))
            return socket
          }),
          Layer.succeed(HttpGet, (href, headers) => listener.get(signal, new URL(href), headers)),
          LinkedPeerConnection.layer({ link: media, machine, capabilities }).pipe(
            Layer.provide(Layer.succeed(LinkedPeerConnection.Exchange, exchange))
          )
        )
      )
    )

  const within: Duration.Input = "1 minute"
  return TestServer.of({
    url,
    regions,
    token: (token) => Effect.map(tokens.issueFor(token), Redacted.make),
    participants: rooms.participants,
    request: Effect.andThen(
      desk.hold,
      passing.until(desk.take, within, () => failed("a client asks to join or to resume", within))
    ),
    holdRequests: desk.hold,
    answerRequests: desk.release,
    join: (who) =>
      TestParticipant.make(who.identity, history, (onData) =>
        Effect.flatMap(rooms.current, ({ enter }) => enter(TestToken.claims({ room: "room", ...who }), onData))
      ),
    received: inbox.take,
    packets: Effect.sync(inbox.all),
    platform,
    network,
    faults
  })
})

/**
 * A server, the network around it, and the history of both.
 *
 * @example
 * ```ts
 * import { TestServer } from "effect-livekit/testing"
 *
 * const older = TestServer.layer({ hasV1: false })
 * const cloud = TestServer.layer({ regions: ["ams", "fra", "iad"], seed: 7 })
 * ```
 *
 * @category layers
 */
export const layer = (options: TestServerOptions = {}): Layer.Layer<TestServer | SimNetwork> => {
  const seed = options.seed ?? "effect-livekit"
  return Layer.effect(TestServer, Random.withSeed(make(options), `${seed}, server`)).pipe(
    Layer.provide(LinkedPeerConnection.layerExchange),
    Layer.provideMerge(Layer.effect(SimNetwork, Random.withSeed(SimNetworks.make, `${seed}, network`))),
    Layer.provideMerge(History.layer)
  )
}
