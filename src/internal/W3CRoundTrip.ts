import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { NegotiationFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import { probeLabel } from "./probeLabel.ts"
import type { W3CDataChannelLike } from "./W3CDataChannel.ts"
import type { W3CPeerConnectionLike } from "./W3CPeerConnection.ts"

/** Milliseconds between two looks at what came; libwebrtc counts anew every 50. */
const lookEvery = 20

/**
 * Completes when the far end has answered a check of ICE, or anything else has come after something was sent. libwebrtc says that
 * a channel is open before the far end has acknowledged it, but it counts the acknowledgement.
 */
export const roundTrip = (
  peer: Pick<W3CPeerConnectionLike, "createDataChannel" | "getStats">
): Effect.Effect<void, PeerConnectionError> => {
  // Each stays open until the next: a far end may have to be told of it yet.
  const asked = { last: undefined as W3CDataChannelLike | undefined }
  const ask = Effect.try({
    try: () => {
      const channel = peer.createDataChannel(probeLabel, { ordered: true })
      asked.last?.close()
      asked.last = channel
    },
    catch: (cause) => new PeerConnectionError({ reason: new NegotiationFailed({ step: "createDataChannel", cause }) })
  })
  return Effect.gen(function* () {
    const signs = Effect.promise(() => peer.getStats().then(countSigns, () => 0))
    const before = yield* signs
    yield* ask
    yield* Effect.repeat(Effect.andThen(Effect.sleep(lookEvery), signs), { until: (now) => now > before })
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
