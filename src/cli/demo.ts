/**
 * `effect-livekit demo`: two participants meet, with data or, by `--media`, with audio and video.
 *
 * Runs against a development server in this process, or against the LiveKit server that LIVEKIT_URL, LIVEKIT_API_KEY and
 * LIVEKIT_API_SECRET name.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { failed } from "./CommandFailed.ts"
import { optional } from "./optional.ts"

const forData = ["ws", "livekit-server-sdk", "node-datachannel"]

const load = (isMedia: boolean) =>
  isMedia
    ? Effect.map(
        optional(() => import("./demo/media.ts"), [...forData, "@roamhq/wrtc", "pngjs"]),
        ({ media }) => media
      )
    : Effect.map(
        optional(() => import("./demo/data.ts"), forData),
        ({ data }) => data
      )

export const demo = Effect.fnUntraced(function* (flags: { readonly media: boolean }) {
  const program = yield* load(flags.media)
  yield* program.pipe(
    Effect.catchCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      const error = Cause.squash(cause)
      return Effect.fail(failed(`the demo failed: ${error instanceof Error ? error.message : String(error)}`))
    })
  )
})
