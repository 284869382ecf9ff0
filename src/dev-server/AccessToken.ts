/**
 * LiveKit tokens by `livekit-server-sdk`: issuing them, and checking them with the answers of a LiveKit server.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import { AccessToken, TokenVerifier as JwtVerifier } from "livekit-server-sdk"
import { Refusal } from "../room/Refusal.ts"
import type { Claims } from "../room/Claims.ts"
import type { TokenVerifier } from "../room/TokenVerifier.ts"

/**
 * Who a token is for, and what it grants.
 *
 * @category models
 */
export interface TokenOptions {
  readonly identity: string
  readonly room: string
  readonly name?: string | undefined
  readonly metadata?: string | undefined
  readonly attributes?: Readonly<Record<string, string>> | undefined
  /** Seconds; default 600. Negative makes a token that has expired. */
  readonly ttl?: number | undefined
  /** Default true, each. */
  readonly roomJoin?: boolean | undefined
  readonly canPublish?: boolean | undefined
  readonly canSubscribe?: boolean | undefined
  readonly canPublishData?: boolean | undefined
  /** Default false. */
  readonly canUpdateOwnMetadata?: boolean | undefined
  /** Whether this is a token of an agent, who may transcribe and speak for others. Default false. */
  readonly isAgent?: boolean | undefined
}

/**
 * What tokens are signed with.
 *
 * @category models
 */
export interface ApiKey {
  readonly apiKey: string
  readonly apiSecret: string
}

/**
 * Issues a token, for a server that knows the key.
 *
 * @category constructors
 */
export const issue = ({ apiKey, apiSecret }: ApiKey, options: TokenOptions): Effect.Effect<Redacted.Redacted<string>> =>
  Effect.promise(() => {
    const token = new AccessToken(apiKey, apiSecret, {
      identity: options.identity,
      ttl: options.ttl ?? 600,
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.metadata === undefined ? {} : { metadata: options.metadata }),
      ...(options.attributes === undefined ? {} : { attributes: { ...options.attributes } })
    })
    token.addGrant({
      room: options.room,
      roomJoin: options.roomJoin ?? true,
      canPublish: options.canPublish ?? true,
      canSubscribe: options.canSubscribe ?? true,
      canPublishData: options.canPublishData ?? true,
      canUpdateOwnMetadata: options.canUpdateOwnMetadata ?? false
    })
    if (options.isAgent === true) token.kind = "agent"
    return token.toJwt()
  }).pipe(Effect.map((token) => Redacted.make(token)))

/**
 * Checks tokens; the bodies of refusals are those of a LiveKit server (LiveKit server 1.13).
 *
 * @category constructors
 */
export const verifier = (key: ApiKey): TokenVerifier["Service"] => ({
  verify: Effect.fnUntraced(function* (token) {
    const refuse = (body: string) => new Refusal({ status: 401, body })
    const claims = readPart(token, 1)
    if (claims === undefined) return yield* refuse("invalid authorization token")
    if (stringOf(claims, "iss") !== key.apiKey) return yield* refuse("invalid API key")
    const algorithm = stringOf(readPart(token, 0), "alg")
    if (algorithm !== "HS256") {
      const why = `token signature is invalid: signing method ${algorithm} is invalid`
      return yield* refuse(`invalid authorization token: ${why}`)
    }
    const grants = yield* Effect.tryPromise({
      try: () => new JwtVerifier(key.apiKey, key.apiSecret).verify(token),
      catch: (cause) => refuse(`invalid authorization token: ${whyInvalid(cause)}`)
    })
    const { video } = grants
    if (video === undefined) return undefined
    return {
      identity: grants.sub ?? "",
      name: grants.name ?? "",
      metadata: grants.metadata ?? "",
      attributes: grants.attributes ?? {},
      isAgent: grants.kind === "agent",
      room: video.room ?? "",
      roomJoin: video.roomJoin ?? false,
      canPublish: video.canPublish ?? true,
      canSubscribe: video.canSubscribe ?? true,
      canPublishData: video.canPublishData ?? video.canPublish ?? true,
      canUpdateOwnMetadata: video.canUpdateOwnMetadata ?? false,
      expiresAt: grants.exp
    } satisfies Claims
  }),
  issue: Effect.fnUntraced(function* (claims) {
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const remaining = Math.ceil((claims.expiresAt ?? 0) - now / 1000)
    return Redacted.value(yield* issue(key, { ...claims, ttl: Math.max(shortestTtl, remaining) }))
  })
})

/** Seconds that a refreshed token lasts at least (J9). */
const shortestTtl = 600

const whyInvalid = (cause: unknown): string => {
  const claim = stringOf(cause, "claim")
  const isMissing = stringOf(cause, "reason") === "missing"
  if (claim === "exp" && isMissing) {
    return "token has invalid claims: token is missing required claim: exp claim is required"
  }
  if (claim === "exp") return "token has invalid claims: token is expired"
  if (claim === "nbf") return "token has invalid claims: token is not valid yet"
  return "token signature is invalid: signature is invalid"
}

/** A field that is text; empty when there is none. */
const stringOf = (value: unknown, name: string): string =>
  Predicate.hasProperty(value, name) && typeof value[name] === "string" ? value[name] : ""

/** The header or the claims of a token, not checked. */
const readPart = (token: string, index: 0 | 1): object | undefined => {
  const parts = token.split(".")
  if (parts.length !== 3) return undefined
  try {
    const part: unknown = JSON.parse(Buffer.from(parts[index] ?? "", "base64url").toString("utf8"))
    return typeof part === "object" && part !== null ? part : undefined
  } catch {
    return undefined
  }
}
