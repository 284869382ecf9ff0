/**
 * What counts as an answer over the path of a W3C peer connection, by the statistics that browsers give.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { roundTrip } from "../src/internal/W3CRoundTrip.ts"

type Peer = Parameters<typeof roundTrip>[0]
type Entry = Readonly<Record<string, string | number | boolean>>

/** A peer connection whose channels never say that they are closed. */
const make = Effect.fnUntraced(function* (...before: ReadonlyArray<Entry>) {
  const stats = { entries: before }
  const channel = { close: () => {}, addEventListener: () => {} }
  const peer = {
    createDataChannel: () => channel,
    getStats: () => Promise.resolve(stats.entries)
  } as unknown as Peer
  const asking = yield* Effect.forkChild(roundTrip(peer), { startImmediately: true })
  const settle = Effect.andThen(
    Effect.promise(() => Promise.resolve()),
    TestClock.adjust("1 second")
  )
  yield* settle
  return {
    isAnsweredBy: Effect.fnUntraced(function* (...now: ReadonlyArray<Entry>) {
      stats.entries = now
      for (let turn = 0; turn < 3; turn++) yield* settle
      return asking.pollUnsafe() !== undefined
    })
  }
})

const pair = (id: string, counts: { bytesReceived?: number; responsesReceived?: number; nominated?: boolean }) => ({
  type: "candidate-pair",
  id,
  nominated: true,
  ...counts
})

describe("the path of a W3C peer connection", () => {
  it.effect("answers by whatever comes over the transport, or over a pair in use", () =>
    Effect.gen(function* () {
      const transport = { type: "transport", id: "T" }
      const libwebrtc = yield* make({ ...transport, bytesReceived: 100 })
      assert.isFalse(yield* libwebrtc.isAnsweredBy({ ...transport, bytesReceived: 100 }))
      assert.isTrue(yield* libwebrtc.isAnsweredBy({ ...transport, bytesReceived: 101 }))
      const firefox = yield* make(pair("A", { bytesReceived: 100, responsesReceived: 3 }))
      assert.isFalse(yield* firefox.isAnsweredBy(pair("A", { bytesReceived: 100, responsesReceived: 3 })))
      assert.isTrue(yield* firefox.isAnsweredBy(pair("A", { bytesReceived: 100, responsesReceived: 4 })))
    })
  )

  it.effect("does not answer by checks of a pair that nobody has nominated", () =>
    Effect.gen(function* () {
      const peer = yield* make(pair("A", { bytesReceived: 100 }))
      assert.isFalse(yield* peer.isAnsweredBy(pair("B", { responsesReceived: 2, nominated: false })))
      assert.isTrue(yield* peer.isAnsweredBy(pair("B", { responsesReceived: 2 })))
    })
  )

  it.effect("answers over a new pair, though the old one had counted more", () =>
    Effect.gen(function* () {
      const peer = yield* make(pair("A", { bytesReceived: 100_000 }))
      assert.isTrue(yield* peer.isAnsweredBy(pair("B", { bytesReceived: 50, responsesReceived: 1 })))
    })
  )
})
