/**
 * Tokens of a server in memory: they mean what the server wrote down when it issued them.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Claims } from "../room/Claims.ts"
import { Refusal } from "../room/Refusal.ts"
import type { TokenVerifier } from "../room/TokenVerifier.ts"

/**
 * Who a token is for, and what it grants.
 *
 * @category models
 */
export interface TokenOptions extends Partial<Claims> {
  readonly identity: string
  readonly room: string
  /** Seconds; default 600. Negative makes a token that has expired. */
  readonly ttl?: number | undefined
}

export interface TestTokens {
  readonly verify: TokenVerifier["Service"]["verify"]
  readonly issue: TokenVerifier["Service"]["issue"]
  readonly issueFor: (options: TokenOptions) => Effect.Effect<string>
}

const defaultTtl = 600

export const make = (clock: Clock.Clock): TestTokens => {
  const issued = new Map<string, Claims>()
  const now = () => Math.floor(clock.currentTimeMillisUnsafe() / 1_000)
  const write = (claims: Claims, ttl: number) =>
    Effect.sync(() => {
      const token = `token-${issued.size + 1}-of-${claims.identity}`
      issued.set(token, { ...claims, expiresAt: now() + ttl })
      return token
    })
  const refuse = (body: string) => Effect.fail(new Refusal({ status: 401, body }))
  return {
    verify: (token) => {
      const claims = issued.get(token)
      if (claims === undefined) return refuse("invalid authorization token")
      return claims.expiresAt !== undefined && claims.expiresAt <= now()
        ? refuse("invalid authorization token: token has invalid claims: token is expired")
        : Effect.succeed(claims)
    },
    issue: (claims) => write(claims, defaultTtl),
    issueFor: ({ ttl = defaultTtl, ...options }) => write(claims(options), ttl)
  }
}

/** What such a token grants: everything, where nothing else is said. */
export const claims = ({ identity, room, ...granted }: Omit<TokenOptions, "ttl">): Claims => ({
  name: "",
  metadata: "",
  attributes: {},
  isAgent: false,
  roomJoin: true,
  canPublish: true,
  canSubscribe: true,
  canPublishData: true,
  canUpdateOwnMetadata: false,
  expiresAt: undefined,
  ...granted,
  identity,
  room
})
