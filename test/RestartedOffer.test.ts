import { it } from "@effect/vitest"
import { Effect } from "effect"
import { WrtcPeerConnection } from "effect-livekit/wrtc"
import { wrtcMedia } from "./media/wrtcMedia.ts"
import { restartedOffer } from "./suites/restartedOffer.ts"

it.live(
  "an ICE restart of wrtc offers a new track as the far end may know it from an offer whose answer was lost",
  () => Effect.flatMap(wrtcMedia.tone, restartedOffer).pipe(Effect.scoped, Effect.provide(WrtcPeerConnection.layer))
)
