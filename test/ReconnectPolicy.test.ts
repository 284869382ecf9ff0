import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Pull, Random, Schedule } from "effect"
import * as FastCheck from "fast-check"
import { ReconnectPolicy } from "effect-livekit"

const recovery = FastCheck.constantFrom("Resume" as const, "Restart" as const, "GiveUp" as const)

const evidence: FastCheck.Arbitrary<ReconnectPolicy.Evidence> = FastCheck.record({
  attempt: FastCheck.integer({ min: 1, max: 50 }),
  cause: FastCheck.constant({ _tag: "Requested" as const }),
  asked: recovery,
  pathAlive: FastCheck.boolean(),
  resumable: FastCheck.boolean()
})

const strength = { Resume: 0, Restart: 1, GiveUp: 2 }

describe("ReconnectPolicy.byEvidence", () => {
  it("never does less than was asked for, whatever the evidence", () => {
    FastCheck.assert(
      FastCheck.property(evidence, (known) => {
        const decision = ReconnectPolicy.byEvidence.decide(known)
        assert.isAtLeast(strength[decision], strength[known.asked])
      })
    )
  })

  it("never gives up by itself: that is for the time limit and for who knows that trying is in vain", () => {
    FastCheck.assert(
      FastCheck.property(evidence, (known) => {
        assert.strictEqual(ReconnectPolicy.byEvidence.decide(known) === "GiveUp", known.asked === "GiveUp")
      })
    )
  })

  it("goes on resuming while the path is alive, and joins afresh after one resume when it is dead", () => {
    const decide = (attempt: number, pathAlive: boolean, resumable = true) =>
      ReconnectPolicy.byEvidence.decide({
        attempt,
        pathAlive,
        resumable,
        asked: "Resume",
        cause: { _tag: "Requested" }
      })
    assert.strictEqual(decide(1, false), "Resume")
    assert.strictEqual(decide(2, false), "Restart")
    for (const attempt of [1, 2, 30]) {
      assert.strictEqual(decide(attempt, true), "Resume")
      assert.strictEqual(decide(attempt, true, false), "Restart", "a runtime that cannot resume is not asked to")
    }
  })

  it.effect(
    "tries at once, then every few hundred milliseconds, after half a minute every few seconds, up to 5 s",
    () =>
      Effect.gen(function* () {
        for (let seed = 0; seed < 20; seed++) {
          const taken = yield* delays(ReconnectPolicy.growing, { times: 60, attemptMillis: 700 }).pipe(
            Random.withSeed(seed)
          )
          const within = (from: number, to: number) =>
            taken.filter(({ elapsed }) => elapsed >= from && elapsed < to).map(({ delay }) => delay)
          assert.strictEqual(taken[0]?.delay, 0)
          for (const delay of taken.slice(1).map((each) => each.delay)) {
            assert.isAbove(delay, 0, "a server that is coming up is not hammered")
            assert.isAtMost(delay, 5_000)
          }
          assert.isAtMost(Math.max(...within(0, 3_000)), 500)
          assert.isAtLeast(Math.min(...within(30_000, 60_000)), 1_500)
        }
      })
  )

  it.effect("never has clients that were lost together come back in step", () =>
    Effect.gen(function* () {
      const clients = yield* Effect.forEach(Array.from({ length: 20 }), (_, seed) =>
        delays(ReconnectPolicy.growing, { times: 4, attemptMillis: 3_000 }).pipe(Random.withSeed(`client ${seed}`))
      )
      for (const index of [1, 2, 3]) {
        const distinct = new Set(clients.map((taken) => taken[index]?.delay))
        assert.isAbove(distinct.size, 15)
      }
    })
  )

  it.effect("keeps no memory from one outage to the next", () =>
    Effect.gen(function* () {
      yield* delays(ReconnectPolicy.growing, { times: 20, attemptMillis: 3_000 })
      const [first, second] = yield* delays(ReconnectPolicy.growing, { times: 2, attemptMillis: 0 })
      assert.strictEqual(first?.delay, 0)
      assert.isAtMost(second?.delay ?? Infinity, 50)
    })
  )
})

describe("ReconnectPolicy.reference", () => {
  it.effect("waits min(5000, 100 + 500 n^2) ms before each of 10 attempts and then stops (S86, S89)", () =>
    Effect.gen(function* () {
      for (const attemptMillis of [0, 20_000]) {
        const taken = yield* delays(ReconnectPolicy.reference().schedule, { times: 20, attemptMillis })
        assert.deepStrictEqual(
          taken.map(({ delay }) => delay),
          [100, 600, 2_100, 4_600, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000]
        )
      }
    })
  )

  it("resumes exactly once, on the first attempt, unless a restart was asked for (S90, S91)", () => {
    FastCheck.assert(
      FastCheck.property(evidence, (known) => {
        const decision = ReconnectPolicy.reference().decide(known)
        assert.strictEqual(decision === "Resume", known.attempt === 1 && known.asked === "Resume")
      })
    )
  })

  it("does what it is forced to do (S90)", () => {
    FastCheck.assert(
      FastCheck.property(evidence, (known) => {
        assert.strictEqual(ReconnectPolicy.reference("ForceSoft").decide(known), "Resume")
        assert.strictEqual(ReconnectPolicy.reference("ForceFull").decide(known), "Restart")
      })
    )
  })
})

describe("ReconnectPolicy layers", () => {
  it.effect("put another policy in force, and without them the default is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ReconnectPolicy.ReconnectPolicy, ReconnectPolicy.byEvidence)
      const policy = yield* ReconnectPolicy.ReconnectPolicy.pipe(Effect.provide(ReconnectPolicy.layerReference))
      assert.strictEqual(policy.schedule, ReconnectPolicy.quadratic)
    })
  )
})

/** Steps a schedule as the engine does, with attempts that take a given time, until it ends or has been asked often enough. */
const delays = (
  schedule: Schedule.Schedule<unknown, ReconnectPolicy.Evidence>,
  options: { readonly times: number; readonly attemptMillis: number }
) =>
  Effect.gen(function* () {
    const step = yield* Schedule.toStep(schedule)
    const taken: Array<{ readonly delay: number; readonly elapsed: number }> = []
    let now = 1_000
    while (taken.length < options.times) {
      const known = {
        attempt: taken.length + 1,
        cause: { _tag: "Requested" },
        asked: "Resume",
        pathAlive: true,
        resumable: true
      } as const
      const next = yield* step(now, known).pipe(Pull.catchDone(() => Effect.void))
      if (next === undefined) break
      const delay = Duration.toMillis(next[1])
      taken.push({ delay, elapsed: now - 1_000 })
      now += delay + options.attemptMillis
    }
    return taken
  })
