/**
 * Camera and microphone of one participant at another, over everything that can happen to their connections.
 */
import { describe } from "@effect/vitest"
import { Effect } from "effect"
import { BrowserRTCEngine } from "effect-livekit/browser"
import { tracks } from "../suites/tracks.ts"
import { devServer } from "./far.ts"
import { browserMedia } from "./media.ts"

for (const mode of ["single", "dual"] as const) {
  describe(`camera and microphone on the dev server, ${mode} peer connection`, () => {
    tracks(mode, { media: browserMedia, hasStats: true, resumable: true }, devServer("wrtc"), (test) =>
      test.pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layerServices))
    )
  })
}
