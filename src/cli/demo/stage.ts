/**
 * What the demos share: a server, sockets that can be cut, and the lines of the report.
 */
import { Effect, Option, type PubSub, type Redacted, Stream } from "effect"
import { type EngineEvent, WebSocketConstructor } from "../../index.ts"
import { AccessToken, DevServer } from "../../dev-server/index.ts"

interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string) => Effect.Effect<Redacted.Redacted<string>>
}

const room = `demo-${process.pid}`

/** The server named by the environment, or one started here. */
export const target = Effect.gen(function* () {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
  if (url !== undefined && apiKey !== undefined && apiSecret !== undefined) {
    return {
      name: `the LiveKit server at ${url}`,
      url,
      token: (identity: string) => AccessToken.issue({ apiKey, apiSecret }, { identity, room })
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
    token: (identity: string) => server.token({ identity, room })
  } satisfies Target
})

/** The sockets of one participant, so that the demo can cut them. */
export const cuttable = () => {
  const sockets: Array<WebSocket> = []
  return {
    cut: Effect.sync(() => {
      for (const socket of sockets.splice(0)) socket.close()
    }),
    layer: WebSocketConstructor.layer((url) => {
      const socket = new WebSocket(url)
      sockets.push(socket)
      return socket
    })
  }
}

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
