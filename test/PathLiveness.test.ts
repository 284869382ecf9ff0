/**
 * When the media path is taken for dead, and when for alive again, by what the far end answers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch } from "effect"
import { TestClock } from "effect/testing"
import * as PathLiveness from "../src/internal/PathLiveness.ts"
import { Closed, PeerConnectionError } from "../src/PeerConnectionError.ts"

const millis = 10_000

/** A peer connection of which the runtime says nothing but that it is connected. */
const make = (roundTrip: Effect.Effect<void, PeerConnectionError>) =>
  PathLiveness.make({
    needed: Effect.succeed([{ target: "publisher", state: Effect.succeed("connected"), roundTrip }]),
    timeout: millis
  })

/** A path on which answers come while it is open. */
const path = Effect.gen(function* () {
  const { await: answer, close, open } = yield* Latch.make(true)
  const asked = { times: 0 }
  const liveness = yield* make(Effect.suspend(() => (asked.times++, answer)))
  return { ...liveness, asked, close, open }
})

describe("a media path", () => {
  it.effect("is dead when a question is open for too long, and alive when it is answered after all", () =>
    Effect.gen(function* () {
      const { ask, asked, close, isAlive, open } = yield* path
      yield* close
      yield* ask
      yield* TestClock.adjust(millis - 1)
      yield* ask
      assert.isTrue(yield* isAlive)
      yield* TestClock.adjust(1)
      assert.isFalse(yield* isAlive)
      assert.strictEqual(asked.times, 1, "a question that is open is not asked again")
      yield* open
      yield* TestClock.adjust(0)
      assert.isTrue(yield* isAlive)
      yield* TestClock.adjust(millis)
      assert.isTrue(yield* isAlive)
    }).pipe(Effect.scoped)
  )

  it.effect("that could not be proven is dead until it answers, also while it is asked again", () =>
    Effect.gen(function* () {
      const { ask, close, isAlive, open, prove } = yield* path
      yield* close
      const failed = yield* Effect.forkScoped(Effect.flip(prove))
      yield* TestClock.adjust(millis)
      assert.strictEqual(failed.pollUnsafe()?._tag, "Success")
      assert.isFalse(yield* isAlive)
      yield* ask
      yield* TestClock.adjust(0)
      assert.isFalse(yield* isAlive)
      yield* open
      yield* TestClock.adjust(0)
      assert.isTrue(yield* isAlive)
    }).pipe(Effect.scoped)
  )

  it.effect("that is proven is alive, though an older question was lost with the old path", () =>
    Effect.gen(function* () {
      const answers = [Effect.never, Effect.void]
      const { ask, isAlive, prove } = yield* make(Effect.suspend(() => answers.shift() ?? Effect.never))
      yield* ask
      yield* TestClock.adjust(1)
      yield* prove
      yield* TestClock.adjust(millis)
      assert.isTrue(yield* isAlive)
      yield* ask
      yield* TestClock.adjust(millis)
      assert.isFalse(yield* isAlive, "and can be asked again")
    }).pipe(Effect.scoped)
  )

  it.effect("whose peer connection closes while it is asked is dead", () =>
    Effect.gen(function* () {
      const closed = new PeerConnectionError({ reason: new Closed({ target: "publisher" }) })
      const { ask, isAlive } = yield* make(Effect.fail(closed))
      yield* ask
      yield* TestClock.adjust(0)
      assert.isFalse(yield* isAlive)
    }).pipe(Effect.scoped)
  )
})
