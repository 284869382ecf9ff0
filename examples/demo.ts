/**
 * Two participants meet: `npm run demo` for data, `npm run demo -- --media` for audio and video.
 *
 * Runs against a development server in this process, or against the LiveKit server that LIVEKIT_URL, LIVEKIT_API_KEY and
 * LIVEKIT_API_SECRET name.
 */
import { Cause, Effect, Exit } from "effect"

const main = process.argv.includes("--media")
  ? (await import("./demo/media.ts")).media
  : (await import("./demo/data.ts")).data

Effect.runCallback(main, {
  onExit: (exit) => {
    if (Exit.isSuccess(exit)) return
    const error = Cause.squash(exit.cause)
    console.error(`\n  The demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
})
