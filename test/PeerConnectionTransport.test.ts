import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Fiber, Layer, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as FastCheck from "fast-check"
import { type PeerConnectionError, type PeerConnectionFactory, PeerConnectionTransport } from "effect-livekit"
import * as FakePeerConnection from "./fakes/FakePeerConnection.ts"

describe("PeerConnectionTransport.negotiate", () => {
  it.effect("makes the first offer at once, under id 1, and completes with its answer (PT13, PT18)", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* far()
      const caller = yield* fork(transport.negotiate())
      assert.deepStrictEqual(offers, [{ sdp: "offer 1", id: 1, at: 0 }])
      assert.isUndefined(caller.pollUnsafe())
      assert.isTrue(yield* transport.acceptAnswer("answer", 1))
      yield* Fiber.join(caller)
      assert.deepStrictEqual(peer.log, ["create offer 1", "setLocal offer 1", "setRemote answer"])
    })
  )

  it.effect("makes one offer for all requests, 20 ms after the last of them (PT6)", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      const callers = [yield* fork(transport.negotiate())]
      for (let request = 0; request < 3; request++) {
        yield* TestClock.adjust(15)
        callers.push(yield* fork(transport.negotiate()))
      }
      assert.strictEqual(offers.length, 1)
      yield* TestClock.adjust(40)
      assert.strictEqual(offers.length, 2)
      assert.isAtLeast(offers[1]?.at ?? 0, 45 + 15, "a request starts the wait again")
      yield* transport.acceptAnswer("answer", 2)
      yield* Effect.forEach(callers, Fiber.join)
    })
  )

  it.effect("restarts ICE if any of the requests of an offer asked for it, whichever (PT6)", () =>
    Effect.gen(function* () {
      for (const restarts of [
        [true, false],
        [false, true],
        [true, false, false]
      ]) {
        const { offers, transport } = yield* negotiated()
        for (const iceRestart of restarts) yield* fork(transport.negotiate({ iceRestart }))
        yield* TestClock.adjust(20)
        assert.strictEqual(offers[1]?.sdp, "offer 2 restart")
        yield* transport.acceptAnswer("answer", 2)
        yield* fork(transport.negotiate())
        yield* TestClock.adjust(20)
        assert.strictEqual(offers[2]?.sdp, "offer 3", "one restart is enough")
      }
    })
  )

  it.effect("restarts ICE at once, with what was waiting for an offer", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      const plain = yield* fork(transport.negotiate())
      yield* TestClock.adjust(5)
      assert.strictEqual(offers.length, 1)
      const restart = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(0)
      assert.strictEqual(offers[1]?.sdp, "offer 2 restart")
      yield* transport.acceptAnswer("answer", 2)
      yield* Fiber.join(plain)
      yield* Fiber.join(restart)
      yield* TestClock.adjust(1_000)
      assert.strictEqual(offers.length, 2)
    })
  )

  it.effect("restarts ICE although the request came while an offer was being made", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* negotiated()
      peer.slow("createOffer", 100)
      const plain = yield* fork(transport.negotiate())
      yield* TestClock.adjust(50)
      assert.strictEqual(offers.length, 1, "the offer is being made")
      const restart = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(
        offers.slice(1).map(({ sdp }) => sdp),
        ["offer 2", "offer 3 restart"]
      )
      yield* transport.acceptAnswer("answer", 3)
      yield* Effect.forEach([plain, restart], Fiber.join)
    })
  )

  it.effect("waits for an offer that was made after the request, not for one that was being made", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* negotiated()
      peer.slow("createOffer", 100)
      const first = yield* fork(transport.negotiate())
      yield* TestClock.adjust(50)
      const second = yield* fork(transport.negotiate())
      yield* TestClock.adjust(1_000)
      yield* transport.acceptAnswer("answer", 2)
      yield* Fiber.join(first)
      assert.isUndefined(second.pollUnsafe())
      yield* TestClock.adjust(1_000)
      assert.strictEqual(offers.length, 3)
      yield* transport.acceptAnswer("answer", 3)
      yield* Fiber.join(second)
    })
  )

  it.effect("holds the next offer back until the one that is out is answered (PT4, PT9)", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      const first = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      const second = yield* fork(transport.negotiate())
      yield* TestClock.adjust(1_000)
      assert.strictEqual(offers.length, 2)
      yield* transport.acceptAnswer("answer", 2)
      yield* Fiber.join(first)
      assert.isUndefined(second.pollUnsafe())
      yield* TestClock.adjust(20)
      assert.strictEqual(offers.length, 3)
      yield* transport.acceptAnswer("answer", 3)
      yield* Fiber.join(second)
    })
  )

  it.effect("offers again for an ICE restart in place of an unanswered offer, and covers both requests (PT9)", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* negotiated()
      const first = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      const restart = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(peer.log.slice(3), [
        "create offer 2",
        "setLocal offer 2",
        "create offer 3 restart",
        "setLocal offer 3 restart"
      ])
      assert.isFalse(yield* transport.acceptAnswer("late", 2), "the answer to what was replaced")
      assert.isUndefined(first.pollUnsafe())
      assert.strictEqual(offers.at(-1)?.id, 3)
      assert.isTrue(yield* transport.acceptAnswer("answer", 3))
      yield* Effect.forEach([first, restart], Fiber.join)
      assert.deepStrictEqual(peer.log.slice(7), ["setRemote answer"])
    })
  )

  it.effect("asks no restart of a runtime that has none", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated({ iceRestart: false })
      yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(20)
      assert.strictEqual(offers[1]?.sdp, "offer 2")
    })
  )

  it.effect("goes on for the others when a caller is interrupted", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      const staying = yield* fork(transport.negotiate())
      const leaving = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* Fiber.interrupt(leaving)
      yield* TestClock.adjust(20)
      assert.strictEqual(offers[1]?.sdp, "offer 2 restart", "the restart was asked for")
      yield* transport.acceptAnswer("answer", 2)
      yield* Fiber.join(staying)
    })
  )

  for (const step of ["createOffer", "setLocalDescription"] as const) {
    it.effect(`fails every caller when ${step} fails, and then serves the next (PT10, V25)`, () =>
      Effect.gen(function* () {
        const { offers, peer, transport } = yield* negotiated()
        peer.failNext(step)
        const callers = [yield* fork(transport.negotiate()), yield* fork(transport.negotiate({ iceRestart: true }))]
        yield* TestClock.adjust(20)
        for (const caller of callers) {
          const { reason } = yield* Effect.flip(Fiber.join(caller))
          assert.deepInclude(reason, { _tag: "NegotiationFailed", step })
        }
        assert.strictEqual(offers.length, 1, "what failed was not sent")
        const next = yield* fork(transport.negotiate())
        yield* TestClock.adjust(20)
        yield* transport.acceptAnswer("answer", 0)
        yield* Fiber.join(next)
      })
    )
  }

  it.effect("does not fail a request for an offer that was being made before it", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* negotiated()
      peer.slow("createOffer", 100)
      peer.failNext("createOffer")
      const first = yield* fork(transport.negotiate())
      yield* TestClock.adjust(50)
      const second = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(1_000)
      assert.strictEqual((yield* Effect.flip(Fiber.join(first))).reason._tag, "NegotiationFailed")
      assert.strictEqual(offers[1]?.sdp, "offer 3 restart")
      yield* transport.acceptAnswer("answer", 0)
      yield* Fiber.join(second)
    })
  )

  it.effect("fails when no answer comes within 15 s, and ignores an answer that comes later", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* negotiated()
      const caller = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      yield* TestClock.adjust(14_999)
      assert.isUndefined(caller.pollUnsafe())
      yield* TestClock.adjust(1)
      const { reason, recovery } = yield* Effect.flip(Fiber.join(caller))
      assert.deepInclude(reason, { _tag: "NegotiationFailed", step: "awaitAnswer" })
      assert.strictEqual(recovery, "Restart")
      for (const id of [0, 2]) assert.isFalse(yield* transport.acceptAnswer("late", id))
      assert.notInclude(peer.log, "setRemote late")
      const next = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      assert.strictEqual(offers.at(-1)?.id, 3)
      yield* transport.acceptAnswer("answer", 3)
      yield* Fiber.join(next)
    })
  )

  it.effect("does not fail by the deadline of an offer that was answered or taken back", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* negotiated()
      yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      yield* TestClock.adjust(14_900)
      peer.slow("createOffer", 500)
      const restart = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(600)
      assert.strictEqual(offers.length, 3)
      assert.isUndefined(restart.pollUnsafe())
      yield* transport.acceptAnswer("answer", 3)
      yield* Fiber.join(restart)
      yield* TestClock.adjust("1 hour")
      const last = yield* fork(transport.negotiate())
      yield* TestClock.adjust(14_000)
      assert.isUndefined(last.pollUnsafe())
    })
  )

  it.effect("does not fail a request by the deadline of an offer that was answered", () =>
    Effect.gen(function* () {
      const { transport } = yield* negotiated()
      yield* TestClock.adjust(14_990)
      const caller = yield* fork(transport.negotiate())
      yield* TestClock.adjust(1_000)
      yield* transport.acceptAnswer("answer", 2)
      yield* Fiber.join(caller)
    })
  )

  it.effect("does not fail a request by the deadline of an earlier offer", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      const first = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      yield* TestClock.adjust(14_990)
      const second = yield* fork(transport.negotiate())
      yield* TestClock.adjust(1_000)
      assert.strictEqual((yield* Effect.flip(Fiber.join(first))).reason._tag, "NegotiationFailed")
      assert.strictEqual(offers.at(-1)?.id, 3)
      yield* transport.acceptAnswer("answer", 3)
      yield* Fiber.join(second)
    })
  )

  it.effect("fails when the transport closes, and at once after that (PT5, PT15)", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { peer, transport } = yield* far().pipe(Scope.provide(scope))
      const callers = [yield* fork(transport.negotiate()), yield* fork(transport.negotiate({ iceRestart: true }))]
      yield* Scope.close(scope, Exit.void)
      for (const caller of [...callers, yield* fork(transport.negotiate())]) {
        const { reason } = yield* Effect.flip(Fiber.join(caller))
        assert.deepInclude(reason, { _tag: "Closed", target: "publisher" })
      }
      assert.isTrue(peer.isClosed())
      for (const late of [
        Effect.asVoid(transport.media.addTransceiver("audio", { direction: "sendonly" })),
        Effect.asVoid(transport.media.removeTrack(""))
      ]) {
        assert.deepInclude((yield* Effect.flip(late)).reason, { _tag: "Closed", target: "publisher" })
      }
    })
  )
})

describe("PeerConnectionTransport under any order of events", () => {
  it.effect("tells every caller how an offer fared that was begun after its request, and hangs with none", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(step, { maxLength: 40 }),
          FastCheck.constantFrom(0, 30),
          FastCheck.constantFrom(3, 4, 5, 7, 11, 2048),
          (steps, offerMillis, opsBeforeYield) =>
            Effect.runPromise(
              history(steps, offerMillis).pipe(
                Effect.scoped,
                Effect.provideService(References.MaxOpsBeforeYield, opsBeforeYield),
                Effect.provide(TestClock.layer())
              )
            )
        ),
        {
          numRuns: 150,
          // The restart is asked for in the moment in which the offer before it is begun.
          examples: [
            [[{ name: "pause" }, asked(false), { name: "wait", millis: 1 }, asked(true)], 0, 5],
            [[asked(false), { name: "repeat" }, { name: "pause" }, asked(true)], 0, 4]
          ]
        }
      )
    )
  )
})

const asked = (iceRestart: boolean) => ({ name: "request", iceRestart }) as const

type Step = typeof step extends FastCheck.Arbitrary<infer A> ? A : never

const step = FastCheck.oneof(
  {
    weight: 4,
    arbitrary: FastCheck.record({ name: FastCheck.constant("request" as const), iceRestart: FastCheck.boolean() })
  },
  {
    weight: 4,
    arbitrary: FastCheck.record({
      name: FastCheck.constant("wait" as const),
      millis: FastCheck.constantFrom(1, 10, 19, 20, 25, 500, 15_000)
    })
  },
  {
    weight: 4,
    arbitrary: FastCheck.constantFrom(
      { name: "answer" } as const,
      { name: "stale" } as const,
      { name: "fail" } as const,
      { name: "repeat" } as const,
      { name: "pause" } as const,
      { name: "interrupt" } as const
    )
  }
)

// An offer that is being made, or an answer that is being applied, is waited for.
const whileTimePasses = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(effect, Effect.forever(Effect.andThen(settled, TestClock.adjust(1))))

const history = (steps: ReadonlyArray<Step>, offerMillis: number) =>
  Effect.gen(function* () {
    const { offers, peer, transport } = yield* far()
    peer.slow("createOffer", offerMillis)
    const answered: Array<string> = []
    const callers: Array<{
      readonly fiber: Fiber.Fiber<void, PeerConnectionError.PeerConnectionError>
      readonly iceRestart: boolean
      readonly begun: number
    }> = []
    const answer = Effect.gen(function* () {
      const last = offers.at(-1)
      if (last === undefined) return
      // Reported before it is known to be applied: the callers may hear of it first.
      answered.push(last.sdp)
      const isTaken = yield* whileTimePasses(
        Effect.orElseSucceed(transport.acceptAnswer("answer", last.id), () => false)
      )
      if (!isTaken) answered.pop()
    })
    for (const next of steps) {
      if (next.name === "request") {
        const { iceRestart } = next
        const begun = peer.offersBegun()
        const fiber = yield* Effect.forkChild(transport.negotiate({ iceRestart }), { startImmediately: true })
        callers.push({ fiber, iceRestart, begun })
      } else if (next.name === "wait") yield* TestClock.adjust(next.millis)
      else if (next.name === "answer") yield* answer
      else if (next.name === "stale") {
        assert.isFalse(yield* whileTimePasses(transport.acceptAnswer("stale", offers.at(-2)?.id ?? 99)))
      } else if (next.name === "fail") peer.failNext("createOffer")
      else if (next.name === "repeat") yield* whileTimePasses(transport.repeatOffer)
      else if (next.name === "pause") yield* transport.pauseDeadline
      else {
        const last = callers.at(-1)
        if (last !== undefined) yield* Fiber.interrupt(last.fiber)
      }
    }
    for (let rest = 0; rest < 20; rest++) {
      yield* TestClock.adjust(20 + offerMillis)
      yield* answer
    }
    yield* settled
    assert.deepStrictEqual(peer.faults, [])
    for (const { begun, fiber, iceRestart } of callers) {
      const exit = fiber.pollUnsafe()
      if (exit === undefined) return assert.fail("a caller was forgotten")
      if (Exit.isFailure(exit)) continue
      const covering = answered.filter((sdp) => Number(sdp.split(" ")[1]) > begun)
      assert.isTrue(covering.some((sdp) => !iceRestart || sdp.endsWith("restart")))
    }
  })

describe("PeerConnectionTransport.acceptAnswer", () => {
  it.effect("ignores the answer of an earlier offer and takes one without an id (PT18, V6)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* negotiated()
      const before = peer.log.length
      assert.isFalse(yield* transport.acceptAnswer("stale", 1))
      assert.isFalse(yield* transport.acceptAnswer("unasked", 0))
      const caller = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      for (const id of [1, 3, 99]) assert.isFalse(yield* transport.acceptAnswer("stale", id))
      assert.isUndefined(caller.pollUnsafe())
      assert.isTrue(yield* transport.acceptAnswer("answer", 0))
      yield* Fiber.join(caller)
      assert.deepStrictEqual(peer.log.slice(before), ["create offer 2", "setLocal offer 2", "setRemote answer"])
    })
  )

  it.effect("fails itself and every caller when the runtime refuses the answer (S141)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      const caller = yield* fork(transport.negotiate())
      peer.failNext("setRemoteDescription")
      const error = yield* Effect.flip(transport.acceptAnswer("bad", 1))
      assert.deepInclude(error.reason, { _tag: "NegotiationFailed", step: "setRemoteDescription" })
      assert.strictEqual((yield* Effect.flip(Fiber.join(caller))).reason, error.reason)
    })
  )

  it.effect("finishes what it has begun when it is interrupted, so that both ends agree", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* far()
      const caller = yield* fork(transport.negotiate())
      peer.slow("setRemoteDescription", 100)
      const answering = yield* fork(transport.acceptAnswer("answer", 1))
      const interrupting = yield* fork(Fiber.interrupt(answering))
      yield* TestClock.adjust(100)
      yield* Fiber.join(interrupting)
      yield* Fiber.join(caller)
      const restart = yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(20)
      assert.strictEqual(offers[1]?.sdp, "offer 2 restart")
      yield* fork(transport.acceptAnswer("answer", 2))
      yield* TestClock.adjust(100)
      yield* Fiber.join(restart)
    })
  )

  it.effect("is given up with its peer connection, of which a browser then says nothing more", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { peer, transport } = yield* far().pipe(Scope.provide(scope))
      yield* fork(transport.negotiate())
      peer.slow("setRemoteDescription", Infinity)
      const answering = yield* fork(transport.acceptAnswer("answer", 1))
      const interrupting = yield* fork(Fiber.interrupt(answering))
      const closing = yield* fork(Scope.close(scope, Exit.void))
      for (const fiber of [interrupting, closing]) assert.isDefined(fiber.pollUnsafe())
      assert.isTrue(peer.isClosed())
    })
  )
})

describe("PeerConnectionTransport.acceptOffer", () => {
  it.effect("applies the offer and makes the answer (S142)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      assert.deepStrictEqual(yield* transport.acceptOffer("server"), { type: "answer", sdp: "answer 1" })
      assert.deepStrictEqual(peer.log, ["setRemote server", "setLocal answer 1"])
    })
  )

  for (const step of ["setRemoteDescription", "createAnswer", "setLocalDescription"] as const) {
    it.effect(`says that ${step} failed, and takes the next offer`, () =>
      Effect.gen(function* () {
        const { peer, transport } = yield* far()
        peer.failNext(step)
        const { reason } = yield* Effect.flip(transport.acceptOffer("server"))
        assert.deepInclude(reason, { _tag: "NegotiationFailed", step })
        assert.strictEqual((yield* transport.acceptOffer("again")).type, "answer")
      })
    )
  }

  it.effect("never interleaves with another offer or answer (S143)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      for (const step of ["createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription"] as const) {
        peer.slow(step, 10)
      }
      const answers = yield* Effect.forEach(["a", "b", "c"], (sdp) => fork(transport.acceptOffer(sdp)))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        (yield* Effect.forEach(answers, Fiber.join)).map(({ sdp }) => sdp),
        ["answer 1", "answer 2", "answer 3"]
      )
      yield* fork(transport.negotiate())
      yield* TestClock.adjust(5)
      yield* fork(transport.acceptAnswer("answer", 1))
      yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(peer.faults, [])
      assert.deepStrictEqual(peer.log.slice(-3), [
        "setRemote answer",
        "create offer 2 restart",
        "setLocal offer 2 restart"
      ])
    })
  )
})

describe("PeerConnectionTransport.initialOffer", () => {
  it.effect("counts as sent, under id 1, and `negotiated` waits for its answer", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* far({ setConfiguration: false })
      assert.deepStrictEqual(yield* transport.initialOffer, { sdp: "offer 1", id: 1 })
      assert.deepStrictEqual(peer.log, ["create offer 1", "setLocal offer 1"])
      const waiting = yield* fork(transport.negotiated)
      const more = yield* fork(transport.negotiate())
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(waiting.pollUnsafe())
      assert.deepStrictEqual(offers, [])
      yield* transport.acceptAnswer("answer", 1)
      yield* Fiber.join(waiting)
      yield* TestClock.adjust(20)
      assert.deepInclude(offers[0], { sdp: "offer 2", id: 2 })
      yield* transport.acceptAnswer("answer", 2)
      yield* Fiber.join(more)
    })
  )

  it.effect("stands in nobody's way when it cannot be made", () =>
    Effect.gen(function* () {
      const { offers, peer, transport } = yield* far()
      peer.failNext("createOffer")
      assert.deepInclude((yield* Effect.flip(transport.initialOffer)).reason, { step: "createOffer" })
      const caller = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      yield* transport.acceptAnswer("answer", offers[0]?.id ?? 99)
      yield* Fiber.join(caller)
    })
  )

  it.effect("gathers nothing before the server's configuration, where the runtime can take one later", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far({ setConfiguration: true })
      yield* transport.initialOffer
      assert.deepStrictEqual(peer.log, ["create offer 1"])
      yield* transport.setConfiguration({ iceServers: [], iceTransportPolicy: "relay" })
      yield* transport.acceptAnswer("answer", 1)
      assert.deepStrictEqual(peer.log, ["create offer 1", "setLocal offer 1", "setRemote answer"])
    })
  )

  for (const setConfiguration of [false, true]) {
    it.effect(`gives way to an ICE restart (setConfiguration: ${setConfiguration})`, () =>
      Effect.gen(function* () {
        const { offers, peer, transport } = yield* far({ setConfiguration })
        yield* transport.initialOffer
        const restart = yield* fork(transport.negotiate({ iceRestart: true }))
        yield* TestClock.adjust(20)
        assert.deepInclude(offers[0], { sdp: "offer 2 restart", id: 2 })
        yield* transport.acceptAnswer("answer", 2)
        yield* Fiber.join(restart)
        yield* Fiber.join(yield* fork(transport.negotiated))
        assert.deepStrictEqual(peer.log.slice(-3), [
          "create offer 2 restart",
          "setLocal offer 2 restart",
          "setRemote answer"
        ])
      })
    )

    it.effect(`is sent again when its answer was lost (setConfiguration: ${setConfiguration})`, () =>
      Effect.gen(function* () {
        const { offers, transport } = yield* far({ setConfiguration })
        yield* transport.initialOffer
        yield* transport.repeatOffer
        assert.deepInclude(offers[0], { sdp: "offer 1", id: 2 })
        yield* transport.acceptAnswer("answer", 2)
        yield* Fiber.join(yield* fork(transport.negotiated))
      })
    )

    it.effect(`is forgotten once it failed (setConfiguration: ${setConfiguration})`, () =>
      Effect.gen(function* () {
        const { peer, transport } = yield* far({ setConfiguration })
        yield* transport.initialOffer
        yield* transport.repeatOffer
        const waiting = yield* fork(transport.negotiated)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* Effect.flip(Fiber.join(waiting))).reason._tag, "NegotiationFailed")
        const next = yield* fork(transport.negotiate())
        yield* TestClock.adjust(20)
        yield* transport.acceptAnswer("answer", 0)
        yield* Fiber.join(next)
        assert.deepStrictEqual(peer.log.slice(-3), ["create offer 2", "setLocal offer 2", "setRemote answer"])
      })
    )
  }
})

describe("PeerConnectionTransport.repeatOffer", () => {
  it.effect("sends an unanswered offer again under a new id, whose answer alone counts", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      const caller = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      yield* transport.repeatOffer
      assert.deepStrictEqual(
        offers.slice(1).map(({ id, sdp }) => ({ id, sdp })),
        [
          { id: 2, sdp: "offer 2" },
          { id: 3, sdp: "offer 2" }
        ]
      )
      assert.isFalse(yield* transport.acceptAnswer("lost", 2))
      assert.isTrue(yield* transport.acceptAnswer("answer", 3))
      yield* Fiber.join(caller)
    })
  )

  it.effect("has nothing to send when all is answered", () =>
    Effect.gen(function* () {
      const { offers, transport } = yield* negotiated()
      yield* transport.repeatOffer
      yield* (yield* far()).transport.repeatOffer
      assert.strictEqual(offers.length, 1)
    })
  )

  it.effect("gives the far end its full time again after a pause, during which nothing times out", () =>
    Effect.gen(function* () {
      const { transport } = yield* negotiated()
      const caller = yield* fork(transport.negotiate())
      yield* TestClock.adjust(20)
      yield* TestClock.adjust("14 seconds")
      yield* transport.pauseDeadline
      yield* TestClock.adjust("1 hour")
      yield* transport.repeatOffer
      yield* TestClock.adjust(14_999)
      assert.isUndefined(caller.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepInclude((yield* Effect.flip(Fiber.join(caller))).reason, { step: "awaitAnswer" })
    })
  )
})

describe("PeerConnectionTransport.addIceCandidate", () => {
  it.effect("keeps candidates until a remote description is set, then adds them in order (PT2, PT3)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      yield* transport.addIceCandidate(candidate("a"))
      yield* fork(transport.negotiate())
      yield* transport.addIceCandidate(candidate("b"))
      assert.notInclude(peer.log.join(), "candidate")
      yield* transport.acceptAnswer("answer", 1)
      yield* transport.addIceCandidate(candidate("c"))
      assert.deepStrictEqual(peer.log.slice(2), ["setRemote answer", "candidate a", "candidate b", "candidate c"])
    })
  )

  it.effect("keeps them when the description is refused (PT3)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      yield* transport.addIceCandidate(candidate("a"))
      peer.failNext("setRemoteDescription")
      yield* Effect.flip(transport.acceptOffer("bad"))
      yield* transport.addIceCandidate(candidate("b"))
      assert.deepStrictEqual(peer.log, [])
      yield* transport.acceptOffer("good")
      assert.deepStrictEqual(peer.log, ["setRemote good", "candidate a", "candidate b", "setLocal answer 1"])
    })
  )

  it.effect("keeps those of an ICE restart for its description, whoever restarts (PT8, PT14)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* negotiated()
      yield* fork(transport.negotiate({ iceRestart: true }))
      yield* TestClock.adjust(20)
      yield* transport.addIceCandidate(candidate("a"))
      yield* transport.acceptAnswer("answer", 2)
      assert.deepStrictEqual(peer.log.slice(-2), ["setRemote answer", "candidate a"])
      yield* transport.prepareForIceRestart
      yield* transport.addIceCandidate(candidate("b"))
      yield* transport.acceptOffer("server")
      assert.deepStrictEqual(peer.log.slice(-3), ["setRemote server", "candidate b", "setLocal answer 1"])
    })
  )

  it.effect("loses none of those it keeps when another restart begins", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      yield* transport.addIceCandidate(candidate("a"))
      yield* transport.prepareForIceRestart
      yield* transport.addIceCandidate(candidate("b"))
      yield* transport.acceptOffer("server")
      assert.deepStrictEqual(peer.log.slice(1, 3), ["candidate a", "candidate b"])
    })
  )

  it.effect("adds those of an ordinary renegotiation at once, and all when the runtime cannot restart", () =>
    Effect.gen(function* () {
      for (const iceRestart of [false, true]) {
        const { peer, transport } = yield* negotiated({ iceRestart: !iceRestart })
        yield* fork(transport.negotiate({ iceRestart }))
        yield* TestClock.adjust(20)
        yield* transport.addIceCandidate(candidate("a"))
        assert.strictEqual(peer.log.at(-1), "candidate a")
      }
    })
  )

  it.effect("passes over a candidate that the runtime refuses (V26)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      for (const each of ["a", "b"]) yield* transport.addIceCandidate(candidate(each))
      peer.failNext("addIceCandidate")
      yield* transport.acceptOffer("server")
      peer.failNext("addIceCandidate")
      yield* transport.addIceCandidate(candidate("c"))
      assert.deepStrictEqual(peer.log, ["setRemote server", "candidate b", "setLocal answer 1"])
    })
  )
})

describe("PeerConnectionTransport.connected", () => {
  it.effect("completes when the peer connection is connected, and only then (PT17)", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      const waiting = yield* fork(transport.connected)
      for (const state of ["connecting", "disconnected"] as const) {
        peer.handlers.onConnectionStateChange(state)
        yield* settled
        assert.isUndefined(waiting.pollUnsafe())
        assert.strictEqual(yield* transport.state, state)
      }
      peer.handlers.onConnectionStateChange("connected")
      yield* Fiber.join(waiting)
      yield* transport.connected
    })
  )

  for (const [state, tag] of [
    ["failed", "Failed"],
    ["closed", "Closed"]
  ] as const) {
    it.effect(`fails when the peer connection is ${state} (S37)`, () =>
      Effect.gen(function* () {
        const { peer, transport } = yield* far()
        const waiting = yield* fork(transport.connected)
        peer.handlers.onConnectionStateChange(state)
        assert.deepInclude((yield* Effect.flip(Fiber.join(waiting))).reason, { _tag: tag, target: "publisher" })
      })
    )
  }

  it.effect("fails when the transport is closed by its own scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { transport } = yield* far().pipe(Scope.provide(scope))
      const waiting = yield* fork(transport.connected)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiting))).reason._tag, "Closed")
      assert.strictEqual(yield* transport.state, "closed")
    })
  )

  it.effect("takes another configuration, and none once it is closed (PT16)", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { peer, transport } = yield* far({ setConfiguration: true }).pipe(Scope.provide(scope))
      const relay = { iceServers: [], iceTransportPolicy: "relay" } as const
      yield* transport.setConfiguration(relay)
      assert.deepStrictEqual(peer.configurations.at(-1), relay)
      yield* Scope.close(scope, Exit.void)
      yield* transport.setConfiguration({ ...relay, iceTransportPolicy: "all" })
      assert.deepStrictEqual(peer.configurations.at(-1), relay)
    })
  )

  it.effect("is told every state in order, however fast they come", () =>
    Effect.gen(function* () {
      const { peer, transport } = yield* far()
      const states = ["connecting", "connected", "disconnected", "connected", "failed"] as const
      const seen = yield* fork(transport.stateChanges.pipe(Stream.take(states.length + 1), Stream.runCollect))
      for (const state of states) peer.handlers.onConnectionStateChange(state)
      assert.deepStrictEqual(yield* Fiber.join(seen), ["new", ...states])
    })
  )
})

describe("PeerConnectionTransport", () => {
  it.effect("says what the runtime said when it cannot make a peer connection (PT1)", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(far({}, (runtime) => runtime.failToCreate()))
      assert.deepInclude(reason, { _tag: "CreationFailed", recovery: "GiveUp" })
    })
  )

  it.effect("takes the message size from the description in force (D2)", () =>
    Effect.gen(function* () {
      const { transport } = yield* far()
      assert.strictEqual(transport.maxMessageSize(), Infinity)
      yield* transport.acceptOffer("v=0\r\na=max-message-size:1000\r\n")
      assert.strictEqual(transport.maxMessageSize(), 1_000)
      yield* transport.acceptOffer("v=0\r\na=max-message-size:2000\r\n")
      assert.strictEqual(transport.maxMessageSize(), 2_000)
    })
  )
})

const candidate = (name: string): PeerConnectionFactory.IceCandidate => ({
  candidate: name,
  sdpMid: "0",
  sdpMLineIndex: 0
})

/** Everything that can go on has gone on. */
const settled = Effect.repeat(Effect.yieldNow, { times: 20 })

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.forkChild(effect, { startImmediately: true }).pipe(Effect.tap(settled))

// --- the far end ---

const far = (
  capabilities: Partial<PeerConnectionFactory.Capabilities> = {},
  prepare: (runtime: FakePeerConnection.Runtime) => void = () => {}
) =>
  Effect.gen(function* () {
    const runtime = FakePeerConnection.runtime(capabilities)
    prepare(runtime)
    const services = yield* Layer.build(PeerConnectionTransport.layer.pipe(Layer.provide(runtime.layer)))
    const offers: Array<{ readonly sdp: string; readonly id: number; readonly at: number }> = []
    const transport = yield* Context.get(services, PeerConnectionTransport.Factory).make({
      target: "publisher",
      configuration: { iceServers: [], iceTransportPolicy: "all" },
      sendOffer: (offer) => Effect.map(Clock.currentTimeMillis, (at) => offers.push({ ...offer, at }) > 0),
      onIceCandidate: () => {},
      onDataChannel: () => {}
    })
    const [peer] = runtime.peers
    return peer === undefined ? yield* Effect.die("no peer connection was made") : { offers, peer, transport }
  })

/** A transport whose first offer is answered. */
const negotiated = (...options: Parameters<typeof far>) =>
  Effect.gen(function* () {
    const made = yield* far(...options)
    const caller = yield* fork(made.transport.negotiate())
    yield* made.transport.acceptAnswer("first", 1)
    yield* Fiber.join(caller)
    return made
  })
