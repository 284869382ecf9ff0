import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { ReceiveState } from "effect-livekit"

const ttl = 30_000
const make = () => new ReceiveState.ReceiveState(ttl)

describe("ReceiveState", () => {
  it("drops what it has seen before, from this sender only (S134)", () => {
    const state = make()
    assert.isTrue(state.isNew("PA_a", 1, 0))
    assert.isTrue(state.isNew("PA_a", 2, 0))
    assert.isFalse(state.isNew("PA_a", 2, 1))
    assert.isFalse(state.isNew("PA_a", 1, 2))
    assert.isTrue(state.isNew("PA_b", 1, 2))
  })

  it("lets gaps pass and drops what comes late (S135, D3)", () => {
    const state = make()
    const passed = [1, 2, 2, 5, 4, 6].filter((sequence) => state.isNew("PA_a", sequence, 0))
    assert.deepStrictEqual(passed, [1, 2, 5, 6])
  })

  it("cannot judge a packet without sequence or without sender, and remembers nothing of it (S134)", () => {
    const state = make()
    for (let times = 0; times < 2; times++) {
      assert.isTrue(state.isNew("PA_a", 0, 0))
      assert.isTrue(state.isNew("", 7, 0))
    }
    assert.deepStrictEqual(state.entries(0), [])
    assert.isTrue(state.isNew("PA_a", 1, 0))
  })

  it("remembers a silent sender for 30 s, the last millisecond included (S11, TM2)", () => {
    const state = make()
    assert.isTrue(state.isNew("PA_a", 9, 1_000))
    assert.isFalse(state.isNew("PA_a", 9, 31_000))
    assert.isTrue(state.isNew("PA_a", 1, 31_001))
    assert.isFalse(state.isNew("PA_a", 1, 31_001))
  })

  it("lets only new packets prolong the memory of a sender", () => {
    const state = make()
    assert.isTrue(state.isNew("PA_a", 5, 0))
    assert.isTrue(state.isNew("PA_a", 6, 20_000))
    assert.isFalse(state.isNew("PA_a", 6, 50_000), "the second packet prolonged it")
    assert.isTrue(state.isNew("PA_a", 6, 50_001), "the duplicate did not")
  })

  it("tells the server of the senders that are still remembered (S153, S154)", () => {
    const state = make()
    state.isNew("PA_old", 4, 0)
    state.isNew("PA_new", 8, 1)
    const old = { participantSid: "PA_old", lastSequence: 4 }
    const recent = { participantSid: "PA_new", lastSequence: 8 }
    assert.deepStrictEqual(state.entries(30_000), [old, recent])
    assert.deepStrictEqual(state.entries(30_001), [recent])
    assert.deepStrictEqual(state.entries(30_002), [])
  })

  it("starts over when it is cleared, as sequences do in a new session", () => {
    const state = make()
    state.isNew("PA_a", 9, 0)
    state.clear()
    assert.deepStrictEqual(state.entries(0), [])
    assert.isTrue(state.isNew("PA_a", 1, 0))
  })

  it("keeps no senders that have long left, however many come and go", () => {
    const state = make()
    for (let count = 0; count < 10_000; count++) state.isNew(`PA_${count}`, 1, count * 100)
    // Asked as of the beginning, everything that is still held counts as alive.
    assert.isAtMost(state.entries(0).length, (2 * ttl) / 100 + 1)
  })

  it("judges every packet by the last one accepted from its sender, whatever came between (S134, S154)", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(arrival, { maxLength: 200 }), (arrivals) => {
        const state = make()
        const accepted: Array<{ readonly sid: string; readonly sequence: number; readonly at: number }> = []
        let now = 0
        for (const { pause, sequence, sid } of arrivals) {
          now += pause
          const last = accepted.findLast((before) => before.sid === sid)
          const isDuplicate = last !== undefined && now - last.at <= ttl && sequence <= last.sequence
          assert.strictEqual(state.isNew(sid, sequence, now), !isDuplicate)
          if (!isDuplicate) accepted.push({ sid, sequence, at: now })
          const alive = new Map(accepted.map(({ at, sequence, sid }) => [sid, { at, sequence }]))
          assert.deepStrictEqual(
            new Map(state.entries(now).map(({ lastSequence, participantSid }) => [participantSid, lastSequence])),
            new Map([...alive].filter(([, { at }]) => now - at <= ttl).map(([sid, { sequence }]) => [sid, sequence]))
          )
        }
      })
    )
  })
})

const arrival = FastCheck.record({
  sid: FastCheck.constantFrom("PA_a", "PA_b", "PA_c"),
  sequence: FastCheck.integer({ min: 1, max: 6 }),
  pause: FastCheck.constantFrom(0, 1, 9_999, 15_000, 30_000, 30_001)
})
