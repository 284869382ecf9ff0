/**
 * The server to measure on: the one that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name, or a development server in a
 * process of its own.
 */
import { Effect, Layer, Redacted } from "effect"
import { SignalClient } from "effect-livekit"
import { AccessToken } from "effect-livekit/dev-server"
import { NodeRTCEngine } from "effect-livekit/node"
import * as Child from "../test/clients/Child.ts"

export interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string, room: string) => Effect.Effect<string>
}

interface Started extends Child.Answer, AccessToken.ApiKey {
  readonly url: string
}

/**
 * `wrtc` makes a development server that can restart ICE, without which other clients cannot resume, and that answers at once to
 * whoever connects: libjuice, which node-datachannel has, puts a check of its own off by 50 ms once it has been checked (its
 * `agent_arm_transmission`).
 */
export const make = Effect.fnUntraced(function* (runtime: "node-datachannel" | "wrtc" = "node-datachannel") {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
  const tokens = (key: AccessToken.ApiKey) => (identity: string, room: string) =>
    Effect.map(AccessToken.issue(key, { identity, room: `bench-${process.pid}-${room}` }), Redacted.value)
  if (url !== undefined && apiKey !== undefined && apiSecret !== undefined) {
    const token = tokens({ apiKey, apiSecret })
    const name = `LiveKit server ${yield* versionOf(url, yield* token("bench", "version"))}`
    return { name, url, token } satisfies Target
  }
  const child = yield* Child.make<null, Started>("bench/serverProcess.ts", [runtime])
  const started = yield* child.ask(null)
  return { name: `development server (${runtime})`, url: started.url, token: tokens(started) } satisfies Target
})

const versionOf = (url: string, token: string) =>
  Effect.gen(function* () {
    const client = yield* SignalClient.SignalClient
    const { handshake } = yield* client.join({ url, token: Redacted.make(token) })
    return handshake._tag === "Joined" ? (handshake.response.serverInfo?.version ?? "") : ""
  }).pipe(
    Effect.scoped,
    Effect.provide(SignalClient.layer.pipe(Layer.provide(NodeRTCEngine.layerPlatform))),
    Effect.orDie
  )
