/**
 * A LiveKit server in memory: the room logic of the dev server behind sockets, HTTP and peer connections that never leave the
 * process, over a network that the test controls, on the Clock of the test.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { HttpGet, HttpGetError } from "../HttpGet.ts"
import type { Capabilities, PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import type * as RoomFaults from "../room/Faults.ts"
import type { DialRequest } from "../room/JoinParameters.ts"
import { Refusal } from "../room/Refusal.ts"
import * as RestartableRooms from "../room/RestartableRooms.ts"
import type { Frame } from "../room/SignalSocket.ts"
import { TokenVerifier } from "../room/TokenVerifier.ts"
import { WebSocketConstructor } from "../WebSocketConstructor.ts"
import { InMemoryWebSocket } from "./InMemoryWebSocket.ts"
import * as LinkedPeerConnection from "./LinkedPeerConnection.ts"
import * as SimNetworks from "./SimNetwork.ts"
import { SimNetwork } from "./SimNetwork.ts"
import * as TestToken from "./TestToken.ts"

/**
 * @category models
 */
export interface TestServerOptions {
  /** Seconds; default 5. */
  readonly pingInterval?: number | undefined
  /** Seconds; default 15. */
  readonly pingTimeout?: number | undefined
  /** False makes a server that knows only `/rtc`, as older ones do. Default true. */
  readonly hasV1?: boolean | undefined
}

/**
 * Troubles of the whole server, and of single participants.
 *
 * @category models
 */
export interface Faults extends RoomFaults.Faults {
  /** Answers no dial from now on: the port is closed, the sessions and their media live on. */
  readonly refuseDials: Effect.Effect<void>
  /** Ends {@link refuseDials}. */
  readonly acceptDials: Effect.Effect<void>
  /** Ends the server and all sessions, without a word. */
  readonly stop: Effect.Effect<void>
  /** Starts an empty server in its place. */
  readonly start: Effect.Effect<void>
}

/**
 * What a participant's engine needs of its platform.
 *
 * @category models
 */
export type Platform = WebSocketConstructor | HttpGet | PeerConnectionFactory

/**
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
    readonly faults: Faults
    /** The platform of a participant, who is on the paths of that name in the {@link SimNetwork}. */
    readonly platform: (participant: string, capabilities?: Partial<Capabilities>) => Layer.Layer<Platform>
  }
>()("effect-livekit/testing/TestServer") {}

const host = "livekit.test"

/**
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: TestServerOptions = {}) {
  const { pingInterval = 5, pingTimeout = 15, hasV1 = true } = options
  const network = yield* SimNetwork
  const exchange = yield* LinkedPeerConnection.Exchange
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const tokens = TestToken.make(clock)
  const isListening = yield* Ref.make(true)
  const rooms = yield* RestartableRooms.make({
    pingInterval,
    pingTimeout,
    updateInterval: 0,
    gunzip: () => Effect.fail("Unreadable")
  }).pipe(
    Effect.provide(Layer.provide(LinkedPeerConnection.layer(), Layer.succeed(LinkedPeerConnection.Exchange, exchange))),
    Effect.provideService(TokenVerifier, tokens)
  )

  const isRoute = (path: string, suffix: string) => path === `/rtc${suffix}` || (hasV1 && path === `/rtc/v1${suffix}`)
  const unknownRoute = Effect.fail(new Refusal({ status: 404, body: "404 page not found\n" }))
  const admit = Effect.fnUntraced(function* (request: DialRequest) {
    const server = yield* rooms.current
    const claims = yield* server.authenticate(request)
    if (!isRoute(request.path, "")) return yield* unknownRoute
    return { server, admission: yield* server.admit(request, claims) }
  })
  const validate = Effect.fnUntraced(function* (request: DialRequest) {
    const server = yield* rooms.current
    const claims = yield* server.authenticate(request)
    if (!isRoute(request.path, "/validate")) return yield* unknownRoute
    yield* server.validate(request, claims)
  })
  const isReachable = (url: URL) => Effect.map(Ref.get(isListening), (listening) => listening && url.host === host)

  /** One dial from the first packet on; its scope ends with the socket. */
  const serve = Effect.fnUntraced(function* (participant: string, url: URL, socket: InMemoryWebSocket) {
    const { signal } = yield* network.paths(participant)
    const toServer = yield* signal.up.reliable
    const toClient = yield* signal.down.reliable
    const frames = yield* Queue.unbounded<Frame, Cause.Done>()
    const ended = yield* Latch.make(false)
    const over = () => {
      Queue.endUnsafe(frames)
      ended.openUnsafe()
    }
    const close = (code: number) => {
      Queue.endUnsafe(frames)
      toClient(() => {
        socket.closedByPeer(code, "")
        ended.openUnsafe()
      })
    }
    socket.listen((frame) =>
      toServer(() => {
        if (frame._tag === "Closed") over()
        else Queue.offerUnsafe(frames, frame.bytes)
      })
    )
    yield* signal.roundTrip
    if (!(yield* isReachable(url))) {
      close(1006)
      return yield* ended.await
    }
    yield* signal.roundTrip
    yield* admit(dialOf(url)).pipe(
      Effect.flatMap(({ admission, server }) => {
        toClient(() => socket.opened())
        return server.accept(admission, {
          frames,
          send: (frame) => toClient(() => socket.receive(frame)),
          close,
          destroy: () => close(1006)
        })
      }),
      Effect.catch(() => Effect.sync(() => close(1006)))
    )
    yield* ended.await
  })

  const platform = (participant: string, capabilities: Partial<Capabilities> = {}): Layer.Layer<Platform> =>
    Layer.unwrap(
      Effect.map(network.paths(participant), ({ media, signal }) =>
        Layer.mergeAll(
          Layer.succeed(WebSocketConstructor, (href) => {
            const url = new URL(href)
            const socket = new InMemoryWebSocket()
            run(Effect.forkIn(Effect.scoped(serve(participant, url, socket)), scope))
            return socket
          }),
          Layer.succeed(HttpGet, (href, headers) => {
            const url = new URL(href)
            return signal.roundTrip.pipe(
              Effect.andThen(isReachable(url)),
              Effect.flatMap((reachable) =>
                reachable
                  ? Effect.match(validate({ ...dialOf(url), authorization: headers["Authorization"] }), {
                      onSuccess: () => ({ status: 200, body: "success", cacheControl: undefined }),
                      onFailure: ({ body, status }) => ({ status, body, cacheControl: undefined })
                    })
                  : Effect.fail(new HttpGetError({ cause: new Error(`nobody listens at ${url.host}`) }))
              )
            )
          }),
          LinkedPeerConnection.layer({ link: media, capabilities }).pipe(
            Layer.provide(Layer.succeed(LinkedPeerConnection.Exchange, exchange))
          )
        )
      )
    )

  return TestServer.of({
    url: `ws://${host}`,
    token: (token) => Effect.map(tokens.issueFor(token), Redacted.make),
    participants: rooms.participants,
    platform,
    faults: {
      ...rooms.faults,
      refuseDials: Ref.set(isListening, false),
      acceptDials: Ref.set(isListening, true),
      stop: Effect.andThen(Ref.set(isListening, false), rooms.stop),
      start: Effect.andThen(rooms.start, Ref.set(isListening, true))
    }
  })
})

const dialOf = (url: URL): DialRequest => ({ path: url.pathname, query: url.searchParams, authorization: undefined })

/**
 * A server and the network around it.
 *
 * @category layers
 */
export const layer = (options: TestServerOptions = {}): Layer.Layer<TestServer | SimNetwork> =>
  Layer.effect(TestServer, make(options)).pipe(
    Layer.provide(LinkedPeerConnection.layerExchange),
    Layer.provideMerge(Layer.effect(SimNetwork, SimNetworks.make))
  )
