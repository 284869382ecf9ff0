import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { NegotiationFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import { probeLabel } from "./probeLabel.ts"
import type { W3CPeerConnectionLike } from "./W3CPeerConnection.ts"

/** Milliseconds between two looks at what came; libwebrtc counts anew every 50. */
const lookEvery = 20

/**
 * Completes when the far end has answered a check of ICE, has reset the stream of a channel that was closed (RFC 8831, 6.7), or
 * anything else has come after something was sent. libwebrtc says that a channel is open before the far end has acknowledged it,
 * but not that it is closed.
 */
export const roundTrip = (
  peer: Pick<W3CPeerConnectionLike, "createDataChannel" | "getStats">
): Effect.Effect<void, PeerConnectionError> => {
  const ask = Effect.try({
    try: () => {
      const channel = peer.createDataChannel(probeLabel, { ordered: true })
      const closed = Effect.callback<void>((resume) => channel.addEventListener("close", () => resume(Effect.void)))
      channel.close()
      return closed
    },
    catch: (cause) => new PeerConnectionError({ reason: new NegotiationFailed({ step: "createDataChannel", cause }) })
  })
  const signs = Effect.promise(() => peer.getStats().then(countSigns, () => 0))
  return Effect.gen(function* () {
    const before = yield* signs
    const closed = yield* ask
    const counted = Effect.repeat(Effect.andThen(Effect.sleep(lookEvery), signs), { until: (now) => now > before })
    yield* Effect.raceFirst(closed, counted)
  })
}

type Report = Awaited<ReturnType<W3CPeerConnectionLike["getStats"]>>

const signsOfLife = ["bytesReceived", "responsesReceived"] as const

/** Bytes that came, and answers to ICE's checks, those of consent among them. */
const countSigns = (report: Report): number => {
  let signs = 0
  report.forEach((entry) => {
    const type = Predicate.hasProperty(entry, "type") ? entry.type : undefined
    if (type !== "transport" && type !== "candidate-pair") return
    for (const key of signsOfLife) {
      const value: unknown = Predicate.hasProperty(entry, key) ? entry[key] : 0
      if (typeof value === "number") signs += value
    }
  })
  return signs
}
