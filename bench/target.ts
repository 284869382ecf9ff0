/**
 * The server to measure on: the one that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name, or a development server in
 * this process.
 */
import { Effect, Layer, type Redacted } from "effect"
import { WebSocketConstructor } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"

export interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string, room: string) => Effect.Effect<Redacted.Redacted<string>>
}

const sockets: Array<WebSocket> = []

/** Closes every signal connection of this process. */
export const cut = Effect.sync(() => {
  for (const socket of sockets.splice(0)) socket.close()
})

/** What engines and the development server need, with sockets that can be cut. */
export const layer = Layer.mergeAll(
  NodeRTCEngine.layerServicesWithoutDependencies.pipe(
    Layer.provide(NodeDataChannel.layer),
    Layer.provide(
      Layer.merge(
        NodeRTCEngine.layerPlatform,
        WebSocketConstructor.layer((url) => {
          const socket = new WebSocket(url)
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
      token: (identity, room) => AccessToken.issue({ apiKey, apiSecret }, { identity, room: `bench-${run}-${room}` })
    } satisfies Target
  }
  const server = yield* DevServer.make()
  return {
    name: "a development server; sender, receiver and server in this process",
    url: server.url,
    token: (identity, room) => server.token({ identity, room })
  } satisfies Target
})
