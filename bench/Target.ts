/**
 * The server to measure on: the one that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name, or a development server in a
 * process of its own.
 */
import { Effect, Redacted } from "effect"
import { AccessToken } from "effect-livekit/dev-server"
import * as Child from "../test/clients/Child.ts"

export interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string, room: string) => Effect.Effect<string>
}

interface Started extends Child.Answer, AccessToken.ApiKey {
  readonly url: string
}

/** `wrtc` makes a development server that can restart ICE, without which other clients cannot resume. */
export const make = Effect.fnUntraced(function* (runtime: "node-datachannel" | "wrtc" = "node-datachannel") {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
  const tokens = (key: AccessToken.ApiKey) => (identity: string, room: string) =>
    Effect.map(AccessToken.issue(key, { identity, room: `bench-${process.pid}-${room}` }), Redacted.value)
  if (url !== undefined && apiKey !== undefined && apiSecret !== undefined) {
    return { name: "LiveKit server", url, token: tokens({ apiKey, apiSecret }) } satisfies Target
  }
  const child = yield* Child.make<null, Started>("bench/serverProcess.ts", [runtime])
  const started = yield* child.ask(null)
  return { name: `development server (${runtime})`, url: started.url, token: tokens(started) } satisfies Target
})
