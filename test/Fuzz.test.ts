/**
 * Random and mutated input; `npm run fuzz` takes more of it.
 */
import { assert, describe, it } from "@effect/vitest"
import { SdpMunging } from "effect-livekit"
import * as fuzz from "./fuzz/fuzz.ts"
import { sdp } from "./fuzz/samples.ts"

const total = (outcomes: fuzz.Outcomes, of: (outcome: string) => boolean = () => true) =>
  Object.entries(outcomes).reduce((sum, [outcome, times]) => sum + (of(outcome) ? times : 0), 0)

describe("whatever the far end sends", () => {
  it("frames and packets are events, and the engine goes on", () => {
    const outcomes = fuzz.engine(2_000, "test")
    assert.strictEqual(outcomes["connection that went on"], 1)
    assert.isAbove(outcomes["event MalformedSignal"] ?? 0, 100)
    assert.isAbove(outcomes["event MalformedPacket"] ?? 0, 100)
    assert.isAbove(outcomes["packet received"] ?? 0, 10)
  }, 60_000)

  it("a frame is a message or malformed", () => {
    assert.strictEqual(total(fuzz.rawFrames(5_000, "test")), 5_000)
  })

  it("a description is read", () => {
    assert.strictEqual(total(fuzz.descriptions(2_000, "test")), 2_000)
  })

  it("a region answer is a list or a typed error", () => {
    const outcomes = fuzz.regions(2_000, "test")
    assert.strictEqual(
      total(outcomes, (outcome) => /^(error|no region|a region)/.test(outcome)),
      2_000
    )
  })

  it("a codec that looks like a number is the name of a codec", () => {
    const damaged = sdp.replace("VP8/90000", "8/90000").replace("apt=96", "96")
    assert.strictEqual(SdpMunging.answer(sdp, damaged), sdp)
  })
})
