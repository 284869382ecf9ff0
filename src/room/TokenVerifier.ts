/**
 * The seam to token checking, so that rooms know no JWT.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Claims } from "./Claims.ts"
import type { Refusal } from "./Refusal.ts"

/**
 * @category services
 */
export class TokenVerifier extends Context.Service<
  TokenVerifier,
  {
    /** What a token grants; `undefined` when it says nothing about rooms. */
    readonly verify: (token: string) => Effect.Effect<Claims | undefined, Refusal>
    /** A fresh token with the same claims, good for as long as the first one and for ten minutes at least (J9). */
    readonly issue: (claims: Claims) => Effect.Effect<string>
  }
>()("effect-livekit/room/TokenVerifier") {}
