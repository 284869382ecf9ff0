/**
 * The seam to token checking, so that rooms know no JWT.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Refusal } from "./Refusal.ts"

/**
 * What a token grants.
 *
 * @category models
 */
export interface Claims {
  readonly identity: string
  readonly name: string
  readonly metadata: string
  readonly attributes: Readonly<Record<string, string>>
  readonly room: string
  readonly roomJoin: boolean
  readonly canPublish: boolean
  readonly canSubscribe: boolean
  readonly canPublishData: boolean
}

/**
 * @category services
 */
export class TokenVerifier extends Context.Service<
  TokenVerifier,
  {
    readonly verify: (token: string) => Effect.Effect<Claims, Refusal>
    /** A fresh token with the same claims (J9). */
    readonly issue: (claims: Claims) => Effect.Effect<string>
  }
>()("effect-livekit/room/TokenVerifier") {}
