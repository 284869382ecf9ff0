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
  const signs = Effect.promise(() => peer.getStats().then(signsOfLife, (): Signs => new Map()))
  return Effect.gen(function* () {
    const before = yield* signs
    const closed = yield* ask
    const hasMore = (now: Signs) => [...now].some(([id, count]) => count > (before.get(id) ?? 0))
    const counted = signs.pipe(Effect.delay(lookEvery), Effect.repeat({ until: hasMore }))
    yield* Effect.raceFirst(closed, counted)
  })
}

type Report = Awaited<ReturnType<W3CPeerConnectionLike["getStats"]>>

/** By the transport or candidate pair: those of before an ICE restart go, and take their counts with them. */
type Signs = ReadonlyMap<string, number>

/**
 * Bytes that came, and answers to ICE's checks, those of consent among them. A pair that is not nominated answers checks and carries
 * nothing: after an ICE restart that Firefox follows and a libwebrtc leads, it may stay so for good.
 */
const signsOfLife = (report: Report): Signs => {
  const signs = new Map<string, number>()
  report.forEach((entry) => {
    const read = (key: string): unknown => (Predicate.hasProperty(entry, key) ? entry[key] : undefined)
    const type = read("type")
    if (type !== "transport" && (type !== "candidate-pair" || read("nominated") === false)) return
    const counts = [read("bytesReceived"), read("responsesReceived")].filter(Predicate.isNumber)
    signs.set(
      String(read("id")),
      counts.reduce((sum, count) => sum + count, 0)
    )
  })
  return signs
}
