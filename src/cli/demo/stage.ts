/**
 * What the demos share: a server, sockets that can be cut, and the lines of the report.
 */
import { Effect, Layer, Option, type PubSub, type Redacted, Stream } from "effect"
import { type EngineEvent, type PeerConnectionFactory, RTCEngine, WebSocketConstructor } from "../../index.ts"
import { AccessToken, DevServer } from "../../dev-server/index.ts"
import { NodeRTCEngine } from "../../node/index.ts"

interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string) => Effect.Effect<Redacted.Redacted<string>>
  /** Closes the port for some milliseconds, where the server is ours. */
  readonly refuseDials: Option.Option<(millis: number) => Effect.Effect<void>>
  /** Kills the server and starts it again, empty, where it is ours. */
  readonly restart: Option.Option<Effect.Effect<void, unknown>>
}

const room = `demo-${process.pid}`

/** The server named by the environment, or one started here. */
export const target = Effect.gen(function* () {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
  if (url !== undefined && apiKey !== undefined && apiSecret !== undefined) {
    return {
      name: `the LiveKit server at ${url}`,
      url,
      token: (identity: string) => AccessToken.issue({ apiKey, apiSecret }, { identity, room }),
      refuseDials: Option.none(),
      restart: Option.none()
    } satisfies Target
  }
  if (url !== undefined || apiKey !== undefined || apiSecret !== undefined) {
    return yield* Effect.die(
      "set all three of LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to use that server, or none of them"
    )
  }
  const server = yield* DevServer.make()
  return {
    name: `a development server in this process (${server.url})`,
    url: server.url,
    token: (identity: string) => server.token({ identity, room }),
    refuseDials: Option.some(server.faults.refuseDials),
    restart: Option.some(
      server.faults.stop.pipe(Effect.andThen(Effect.sleep(500)), Effect.andThen(server.faults.start))
    )
  } satisfies Target
})

/** The sockets of one participant, so that the demo can cut them, and lead dials to where nobody listens. */
export const cuttable = () => {
  const sockets: Array<WebSocket> = []
  let isAstray = false
  return {
    refuse: (millis: number) =>
      Effect.gen(function* () {
        isAstray = true
        yield* Effect.sleep(millis).pipe(Effect.andThen(Effect.sync(() => (isAstray = false))), Effect.forkScoped)
      }),
    cut: Effect.sync(() => {
      for (const socket of sockets.splice(0)) socket.close()
    }),
    layer: WebSocketConstructor.layer((url) => {
      const socket = new WebSocket(isAstray ? "ws://127.0.0.1:9" : url)
      sockets.push(socket)
      return socket
    })
  }
}

/** An engine on sockets and a WebRTC runtime of its own. */
export const makeEngine = (
  sockets: Layer.Layer<WebSocketConstructor.WebSocketConstructor>,
  webRtc: Layer.Layer<PeerConnectionFactory.PeerConnectionFactory>
) =>
  Effect.gen(function* () {
    const services = yield* Layer.build(
      NodeRTCEngine.layerServicesWithoutDependencies.pipe(
        Layer.provide(webRtc),
        Layer.provide(sockets),
        Layer.provide(NodeRTCEngine.layerPlatform)
      )
    )
    return yield* Effect.provideContext(RTCEngine.make, services)
  })

export const line = (text = "") => Effect.sync(() => console.log(text))
export const step = (text: string) => line(`  ${text}`)

export const awaitEvent = <Tag extends EngineEvent.EngineEvent["_tag"]>(
  events: PubSub.Subscription<EngineEvent.EngineEvent>,
  tag: Tag
) =>
  Stream.fromSubscription(events).pipe(
    Stream.filter((event): event is Extract<EngineEvent.EngineEvent, { readonly _tag: Tag }> => event._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout(10_000)
  )
