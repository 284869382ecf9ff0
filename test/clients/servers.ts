/**
 * The servers on which other clients meet this engine: development servers, and a real one where the environment names it.
 */
import { Effect, type Redacted } from "effect"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { WrtcPeerConnection } from "effect-livekit/wrtc"
import type { Library } from "./protocol.ts"

export const libraries: ReadonlyArray<Library> = ["rtc-node", "livekit-client single", "livekit-client dual"]

interface Server {
  readonly url: string
  readonly token: (
    identity: string,
    grant?: Partial<AccessToken.TokenOptions>
  ) => Effect.Effect<Redacted.Redacted<string>>
}

const devServer = Effect.map(Effect.orDie(DevServer.make()), (server): Server => ({
  url: server.url,
  token: (identity, grant) => server.token({ identity, room: "room", ...grant })
}))

const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
const hasRealServer = url !== undefined && apiKey !== undefined && apiSecret !== undefined

export const servers = [
  {
    name: "the dev server with node-datachannel",
    server: devServer,
    runtime: NodeDataChannel.layer,
    restartsIce: false,
    isReal: false
  },
  {
    name: "the dev server with wrtc",
    server: devServer,
    runtime: WrtcPeerConnection.layer,
    restartsIce: true,
    isReal: false
  },
  ...(hasRealServer
    ? [
        {
          name: "a real LiveKit server",
          server: Effect.sync((): Server => {
            const room = `effect-livekit-others-${process.hrtime.bigint()}`
            return {
              url,
              token: (identity, grant) => AccessToken.issue({ apiKey, apiSecret }, { identity, room, ...grant })
            }
          }),
          runtime: NodeDataChannel.layer,
          restartsIce: true,
          isReal: true
        }
      ]
    : [])
]
