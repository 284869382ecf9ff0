import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import * as Descriptions from "../src/internal/Descriptions.ts"

type Side = keyof Descriptions.Descriptions

const set = (self: Descriptions.Descriptions, side: Side, type: "offer" | "answer", sdp = "") =>
  Descriptions.set(self, side, { type, sdp })
const inForce = ({ local, remote }: Descriptions.Descriptions) => [
  Descriptions.inForce(local)?.sdp,
  Descriptions.inForce(remote)?.sdp
]
const opposite = (side: Side): Side => (side === "local" ? "remote" : "local")

/** Whole exchanges, each begun by either side. */
const exchanged = fc
  .array(fc.constantFrom<Side>("local", "remote"))
  .map((offerers) =>
    offerers.reduce(
      (before, offerer, index) =>
        set(set(before, offerer, "offer", `offer ${index}`), opposite(offerer), "answer", `answer ${index}`),
      Descriptions.none
    )
  )
const side = fc.constantFrom<Side>("local", "remote")

describe("the descriptions in force", () => {
  it("are none before the first, an offer while it is out, and both once it is answered", () => {
    const offered = set(Descriptions.none, "local", "offer", "o")
    assert.deepStrictEqual(inForce(Descriptions.none), [undefined, undefined])
    assert.deepStrictEqual(inForce(offered), ["o", undefined])
    assert.deepStrictEqual(inForce(set(offered, "remote", "answer", "a")), ["o", "a"])
  })

  it("are an offer and its answer after every exchange, with nothing pending", () =>
    fc.assert(
      fc.property(exchanged, side, (before, offerer) => {
        const after = set(set(before, offerer, "offer", "o"), opposite(offerer), "answer", "a")
        assert.deepStrictEqual(inForce(after), offerer === "local" ? ["o", "a"] : ["a", "o"])
        assert.isNull(after.local.pending)
        assert.isNull(after.remote.pending)
      })
    ))
})
