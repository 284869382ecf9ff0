/**
 * Who is told to have left, and who is waited for, when a session takes the place of another.
 */
import { assert, describe, it } from "@effect/vitest"
import { ParticipantInfo, ParticipantInfo_State } from "@livekit/protocol"
import { Roster } from "../src/internal/Roster.ts"

const { ACTIVE, DISCONNECTED, JOINED } = ParticipantInfo_State

/** Each time somebody joins, under another sid. */
const info = (identity: string, state: ParticipantInfo_State, session = 1) =>
  new ParticipantInfo({ identity, sid: `PA_${identity}_${session}`, state })
const identities = (all: ReadonlyArray<ParticipantInfo>) => all.map(({ identity }) => identity)

/** Bob and carol took part, and neither is in the session that begins. */
const without = (...states: ReadonlyArray<ParticipantInfo_State>) => {
  const roster = new Roster()
  roster.begin(["bob", "carol"].map((identity, index) => info(identity, states[index] ?? ACTIVE)))
  return { roster, gone: roster.begin([]) }
}

describe("a roster", () => {
  it("tells once of who is gone, and not of who had left before", () => {
    const { gone, roster } = without()
    assert.deepStrictEqual(identities(gone), ["bob", "carol"])
    assert.isTrue(gone.every(({ state }) => state === DISCONNECTED))
    assert.deepStrictEqual(roster.begin([info("dave", ACTIVE)]), [])
    roster.update([info("dave", DISCONNECTED)])
    assert.deepStrictEqual(roster.begin([]), [])
    roster.giveUp()
    assert.isTrue(roster.begin([]).length === 0 && roster.isComplete, "who left is not waited for either")
  })

  it("is complete when everybody is active again who was, and not when they have only joined", () => {
    const { roster } = without()
    assert.isFalse(roster.isComplete)
    roster.update([info("bob", ACTIVE, 2), info("carol", JOINED, 2)])
    assert.isFalse(roster.isComplete)
    roster.update([info("carol", ACTIVE, 2)])
    assert.isTrue(roster.isComplete)
  })

  it("waits for nobody who was never active: a server had nothing for them", () => {
    assert.isTrue(without(JOINED, JOINED).roster.isComplete)
  })

  it("does not wait again for whom it gave up", () => {
    const { roster } = without()
    roster.giveUp()
    assert.isTrue(roster.isComplete)
    roster.begin([])
    assert.isTrue(roster.isComplete)
  })

  it("knows nobody of a connection that has ended", () => {
    const { roster } = without()
    roster.update([info("dave", ACTIVE)])
    roster.clear()
    assert.isTrue(roster.isComplete)
    assert.deepStrictEqual(roster.begin([]), [])
    assert.isTrue(roster.isComplete)
  })
})
