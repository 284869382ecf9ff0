import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as Nonce from "../src/internal/Nonce.ts"

const integer = FastCheck.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

describe("nonces", () => {
  it("have the 16 bytes by which a server drops what it has seen, and count upwards for each engine (D6)", () => {
    FastCheck.assert(
      FastCheck.property(integer, integer, FastCheck.integer({ min: 1, max: 300 }), (high, low, count) => {
        const nonces = Nonce.make(high, low)
        const read = Array.from({ length: count }, () => {
          const nonce = nonces.next()
          assert.strictEqual(nonce.length, 16)
          return Nonce.read(nonce)
        })
        assert.deepStrictEqual(
          read.map((each) => each?.count),
          Array.from({ length: count }, (_, index) => index + 1)
        )
        assert.strictEqual(new Set(read.map((each) => each?.engine)).size, 1)
      })
    )
  })

  it("of others are left alone", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 20 }), (nonce) => {
        const state = new Nonce.NonceState()
        assert.strictEqual(Nonce.read(nonce), undefined)
        assert.isTrue(state.isNew(nonce) && state.isNew(nonce))
      })
    )
  })

  it("drop what an engine sends again, and nothing of another engine", () => {
    const alice = Nonce.make(1, 2)
    const bob = Nonce.make(1, 3)
    const [first, second] = [alice.next(), alice.next()]
    const state = new Nonce.NonceState()
    assert.isTrue(state.isNew(first))
    assert.isTrue(state.isNew(second))
    assert.isFalse(state.isNew(first))
    assert.isTrue(state.isNew(bob.next()))
    assert.isFalse(state.isNew(second))
  })
})
