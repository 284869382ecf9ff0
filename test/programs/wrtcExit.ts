/** Ends with an exit code of its own, or by an error, after wrtc was used. Argument: which. */
import { Effect, Layer } from "effect"
import { WrtcPeerConnection } from "effect-livekit/wrtc"

await Effect.runPromise(Effect.scoped(Layer.build(WrtcPeerConnection.layer)))
process.once("beforeExit", () => {
  console.log("first")
  setTimeout(() => {
    if (process.argv[2] === "throw") throw new Error("thrown late")
    console.log("second")
    process.exitCode = 7
  }, 10)
})
process.on("exit", (code) => console.log(`exit ${code}`))
