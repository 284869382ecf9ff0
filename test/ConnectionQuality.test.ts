import { ConnectionQuality } from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { Stats } from "effect-livekit"
import * as Quality from "../src/room/Quality.ts"

const inbound = (packetsReceived: number, packetsLost: number) =>
  Stats.fromEntry({ type: "inbound-rtp", id: `in ${packetsReceived}`, packetsReceived, packetsLost })
const back = (fractionLost: number) => Stats.fromEntry({ type: "remote-inbound-rtp", id: "back", fractionLost })

describe("the quality of a connection", () => {
  it("is of what got lost since the look before, on the way in of all tracks", () => {
    const before = Quality.count([inbound(100, 50), inbound(10, 0)])
    assert.deepStrictEqual(before, { received: 110, lost: 50 })
    const now = Quality.count([inbound(195, 55), inbound(10, 0)])
    assert.closeTo(Quality.lossUp(before, now), 0.05, 1e-9)
    assert.strictEqual(Quality.lossUp(now, now), 0)
  })

  it("is of the way back too, of the track that suffers most", () => {
    assert.strictEqual(Quality.lossDown([inbound(100, 0), back(0.02), back(0.1)]), 0.1)
    assert.strictEqual(Quality.lossDown([]), 0)
  })

  it("falls with every packet that is lost", () => {
    const { EXCELLENT, GOOD, POOR } = ConnectionQuality
    for (const [loss, quality] of [
      [0, EXCELLENT],
      [0.019, EXCELLENT],
      [0.03, GOOD],
      [0.07, POOR],
      [1, POOR]
    ] as const) {
      assert.strictEqual(Quality.of("PA", loss).quality, quality, `${loss}`)
    }
    assert.deepInclude(Quality.of("PA", 0), { participantSid: "PA", score: 5 })
    assert.deepInclude(Quality.lost("PA"), { quality: ConnectionQuality.LOST, score: 0 })
  })
})
