/**
 * The first packets of a channel that was handed over while they came in.
 */
import { assert, describe, it } from "@effect/vitest"
import { DataPacket } from "@livekit/protocol"
import * as fc from "fast-check"
import { inSequence } from "../src/internal/inSequence.ts"

const packet = (participantSid: string, sequence: number) => new DataPacket({ participantSid, sequence }).toBinary()
const read = (messages: ReadonlyArray<Uint8Array>) => messages.map((bytes) => DataPacket.fromBinary(bytes))

describe("packets that came in any order", () => {
  it("are put in the order of their sequences", () => {
    const mixed = [156, 1, 2, 3].map((sequence) => packet("PA_a", sequence))
    assert.deepStrictEqual(
      read(inSequence(mixed)).map(({ sequence }) => sequence),
      [1, 2, 3, 156]
    )
  })

  it("keep the places of their senders, of packets without a sequence, and of what is no packet", () => {
    const none = packet("PA_a", 0)
    const garbage = new Uint8Array([255, 255, 255])
    const mixed = [packet("PA_a", 2), none, packet("PA_b", 9), garbage, packet("PA_a", 1), packet("PA_b", 8)]
    assert.deepStrictEqual(inSequence(mixed), [
      packet("PA_a", 1),
      none,
      packet("PA_b", 8),
      garbage,
      packet("PA_a", 2),
      packet("PA_b", 9)
    ])
  })

  it("are all there, and in order for each sender, whatever the order was", () => {
    const sent = fc.array(fc.record({ sid: fc.constantFrom("PA_a", "PA_b", ""), sequence: fc.nat({ max: 20 }) }))
    fc.assert(
      fc.property(sent, (all) => {
        const mixed = all.map(({ sequence, sid }) => packet(sid, sequence))
        const ordered = inSequence(mixed)
        const key = (bytes: Uint8Array) => bytes.join()
        assert.deepStrictEqual(ordered.map(key).toSorted(), mixed.map(key).toSorted())
        const last = new Map<string, number>()
        for (const { participantSid, sequence } of read(ordered)) {
          if (sequence === 0) continue
          assert.isAtLeast(sequence, last.get(participantSid) ?? 0)
          last.set(participantSid, sequence)
        }
      })
    )
  })
})
