/**
 * The server to measure on: the one that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name, or a development server in
 * this process.
 */
import { Effect, Layer, Option, type Redacted } from "effect"
import { WebSocketConstructor } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"

export interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string, room: string) => Effect.Effect<Redacted.Redacted<string>>
  /** Refuses dials for some milliseconds. */
  readonly refuseDials: (millis: number) => Effect.Effect<void>
  /** Stops the server and starts it half a second later, where it is ours. */
  readonly restart: Option.Option<Effect.Effect<void, unknown>>
}

const sockets: Array<WebSocket> = []
const dials = { refusedUntil: 0 }

/** Closes an open signal connection of this process: the first is that of who joined first. */
export const cut = (index: number) =>
  Effect.sync(() => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN)[index]?.close())

/** What engines and the development server need, with sockets that can be cut. */
export const layer = Layer.mergeAll(
  NodeRTCEngine.layerServicesWithoutDependencies.pipe(
    Layer.provide(NodeDataChannel.layer),
    Layer.provide(
      Layer.merge(
        NodeRTCEngine.layerPlatform,
        WebSocketConstructor.layer((url) => {
          // Nobody listens there.
          const socket = new WebSocket(Date.now() < dials.refusedUntil ? "ws://127.0.0.1:9" : url)
          sockets.push(socket)
          return socket
        })
      )
    )
  ),
  NodeDataChannel.layer
)

export const make = Effect.gen(function* () {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
  const run = process.pid
  if (url !== undefined && apiKey !== undefined && apiSecret !== undefined) {
    return {
      name: `the LiveKit server at ${url}; sender and receiver in this process`,
      url,
      token: (identity, room) => AccessToken.issue({ apiKey, apiSecret }, { identity, room: `bench-${run}-${room}` }),
      refuseDials: (millis) =>
        Effect.sync(() => {
          dials.refusedUntil = Date.now() + millis
        }),
      restart: Option.none()
    } satisfies Target
  }
  const server = yield* DevServer.make()
  return {
    name: "a development server; sender, receiver and server in this process",
    url: server.url,
    token: (identity, room) => server.token({ identity, room }),
    refuseDials: server.faults.refuseDials,
    restart: Option.some(
      server.faults.stop.pipe(Effect.andThen(Effect.sleep(500)), Effect.andThen(server.faults.start))
    )
  } satisfies Target
})
