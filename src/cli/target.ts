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
  token: Flag.Redacted("token").pipe(Flag.withDescription("token of a participant; or LIVEKIT_TOKEN"), Flag.optional),
  apiKey: Flag.String("api-key").pipe(
    Flag.withDescription("API key to make tokens with; or LIVEKIT_API_KEY"),
    Flag.optional
  ),
  apiSecret: Flag.Redacted("api-secret").pipe(
    Flag.withDescription("API secret to make tokens with; or LIVEKIT_API_SECRET"),
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

const environment = Config.all({
  token: Config.option(Config.Redacted("LIVEKIT_TOKEN")),
  apiKey: Config.option(Config.String("LIVEKIT_API_KEY")),
  apiSecret: Config.option(Config.Redacted("LIVEKIT_API_SECRET"))
})

/** A variable that is set to nothing is not set, and a flag that was made of it was not given. */
const present = ({ apiKey, apiSecret, token }: Credentials): Credentials => ({
  token: Option.filter(token, (given) => Redacted.value(given) !== ""),
  apiKey: Option.filter(apiKey, (given) => given !== ""),
  apiSecret: Option.filter(apiSecret, (given) => Redacted.value(given) !== "")
})

/** Flags go before the environment, as a whole: a token of the environment is not who joins by a key that was given. */
export const tokens = Effect.fnUntraced(function* (flags: Credentials): Effect.fn.Return<Tokens, CommandFailed> {
  const given = present(flags)
  const surrounding = present(yield* Effect.orDie(environment))
  const isKeyGiven = Option.isSome(given.apiKey) || Option.isSome(given.apiSecret)
  const token = isKeyGiven ? given.token : Option.orElse(given.token, () => surrounding.token)
  const apiKey = Option.orElse(given.apiKey, () => surrounding.apiKey)
  const apiSecret = Option.orElse(given.apiSecret, () => surrounding.apiSecret)
  if (Option.isSome(token)) return { source: "given", token: () => Effect.succeed(token.value) }
  if (Option.isNone(apiKey) && Option.isNone(apiSecret)) {
    return { source: "none", token: () => Effect.succeed(Redacted.make("")) }
  }
  if (Option.isNone(apiKey) || Option.isNone(apiSecret)) {
    return yield* failed("an API key and its secret go together: give --api-key and --api-secret (see --help)")
  }
  const key = { apiKey: apiKey.value, apiSecret: apiSecret.value }
  return {
    source: "issued",
    token: (options) =>
      Effect.flatMap(
        optional(() => import("./issueToken.ts"), ["livekit-server-sdk"]),
        ({ issueToken }) => issueToken(key, options)
      )
  }
})
