/**
 * `effect-livekit demo`: two participants meet, with data or, by `--media`, with audio and video.
 *
 * Runs against a development server in this process, or against the LiveKit server that LIVEKIT_URL, LIVEKIT_API_KEY and
 * LIVEKIT_API_SECRET name.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { type CommandFailed, failed } from "./CommandFailed.ts"
import { optional } from "./optional.ts"

const forData = ["livekit-server-sdk", "node-datachannel"]

const told = (cause: Cause.Cause<unknown>): Effect.Effect<never, CommandFailed> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  const error = Cause.squash(cause)
  return Effect.fail(failed(`the demo failed: ${error instanceof Error ? error.message : String(error)}`))
}

export const demo = Effect.fnUntraced(function* (flags: { readonly media: boolean }) {
  if (flags.media) {
    const { media } = yield* optional(() => import("./demo/media.ts"), [...forData, "@roamhq/wrtc", "pngjs"])
    return yield* Effect.catchCause(Effect.asVoid(media), told)
  }
  const { data } = yield* optional(() => import("./demo/data.ts"), forData)
  return yield* Effect.catchCause(Effect.asVoid(data), told)
})
