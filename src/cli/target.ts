/**
 * Which server, and as whom: the same flags and environment variables in every command.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import { optional } from "./optional.ts"

export const url = Argument.String("url").pipe(
  Argument.withDescription("URL of the server, as wss://example.livekit.cloud; or LIVEKIT_URL"),
  Argument.withFallbackConfig(Config.String("LIVEKIT_URL"))
)

export const credentials = {
  token: Flag.Redacted("token").pipe(
    Flag.withDescription("token of a participant; or LIVEKIT_TOKEN"),
    Flag.withFallbackConfig(Config.Redacted("LIVEKIT_TOKEN")),
    Flag.optional
  ),
  apiKey: Flag.String("api-key").pipe(
    Flag.withDescription("API key to make tokens with; or LIVEKIT_API_KEY"),
    Flag.withFallbackConfig(Config.String("LIVEKIT_API_KEY")),
    Flag.optional
  ),
  apiSecret: Flag.Redacted("api-secret").pipe(
    Flag.withDescription("API secret to make tokens with; or LIVEKIT_API_SECRET"),
    Flag.withFallbackConfig(Config.Redacted("LIVEKIT_API_SECRET")),
    Flag.optional
  )
}

export interface Credentials {
  readonly token: Option.Option<Redacted.Redacted<string>>
  readonly apiKey: Option.Option<string>
  readonly apiSecret: Option.Option<Redacted.Redacted<string>>
}

export interface Tokens {
  /** One that was given, as many as wanted by the API key, or none. */
  readonly source: "given" | "issued" | "none"
  readonly token: (options: {
    readonly identity: string
    readonly room: string
  }) => Effect.Effect<Redacted.Redacted<string>, CommandFailed>
}

export const tokens = (credentials: Credentials): Effect.Effect<Tokens, CommandFailed> => {
  const { apiKey, apiSecret, token } = credentials
  if (Option.isSome(token)) return Effect.succeed({ source: "given", token: () => Effect.succeed(token.value) })
  if (Option.isNone(apiKey) && Option.isNone(apiSecret)) {
    return Effect.succeed({ source: "none", token: () => Effect.succeed(Redacted.make("")) })
  }
  if (Option.isNone(apiKey) || Option.isNone(apiSecret)) {
    return Effect.fail(failed("an API key and its secret go together: give --api-key and --api-secret (see --help)"))
  }
  const key = { apiKey: apiKey.value, apiSecret: apiSecret.value }
  return Effect.succeed({
    source: "issued",
    token: (options) =>
      Effect.flatMap(
        optional(() => import("./issueToken.ts"), ["livekit-server-sdk"]),
        ({ issueToken }) => issueToken(key, options)
      )
  })
}
