import { assert, describe, it } from "@effect/vitest"
import {
  JoinResponse,
  LeaveRequest,
  SessionDescription,
  SignalRequest as Message,
  TrickleRequest
} from "@livekit/protocol"
import { Effect, Queue } from "effect"
import * as FastCheck from "fast-check"
import { type SignalConnection, SignalRequest, SignalRequestQueue } from "effect-livekit"

describe("SignalRequestQueue", () => {
  it.effect("sends six kinds of requests before the gate opens, and holds back all others (SC14)", () =>
    Effect.gen(function* () {
      const { connection, sent } = far()
      const queue = yield* SignalRequestQueue.make
      yield* queue.attach(connection)
      const all = everyRequest()
      assert.isAbove(all.length, 15)
      yield* Effect.forEach(all, queue.send)
      const past = ["answer", "leave", "offer", "simulate", "syncState", "trickle"]
      assert.deepStrictEqual(cases(sent).toSorted(), past)
      assert.strictEqual(yield* queue.size, all.length - past.length)
      yield* queue.open
      assert.deepStrictEqual(
        cases(sent.slice(past.length)),
        cases(all).filter((name) => !past.includes(name))
      )
    })
  )

  it.effect("refuses a request that cannot wait when there is no connection, and does not keep it (SC16)", () =>
    Effect.gen(function* () {
      const { connection, sent } = far()
      const queue = yield* SignalRequestQueue.make
      const { reason } = yield* Effect.flip(queue.send(trickle))
      assert.deepInclude(reason, { _tag: "NoSignal", request: "trickle" })
      yield* queue.attach(connection)
      yield* queue.open
      assert.deepStrictEqual(sent, [])
    })
  )

  it.effect("refuses a request that cannot wait when the socket is closing", () =>
    Effect.gen(function* () {
      const { breakSocket, connection } = far()
      const queue = yield* SignalRequestQueue.make
      yield* queue.attach(connection)
      breakSocket()
      assert.strictEqual((yield* Effect.flip(queue.send(trickle))).reason._tag, "NoSignal")
    })
  )

  it.effect("keeps requests made while reconnecting until the engine opens the gate (SC15, S105)", () =>
    Effect.gen(function* () {
      const first = far()
      const second = far()
      const queue = yield* SignalRequestQueue.make
      yield* queue.attach(first.connection)
      yield* queue.open
      yield* queue.send(mute("1"))
      yield* queue.detach
      yield* queue.send(mute("2"))
      yield* queue.attach(second.connection)
      yield* queue.send(mute("3"))
      assert.deepStrictEqual(sids(second.sent), [], "the peer connections are not back yet")
      yield* queue.send({ case: "offer", value: new SessionDescription() })
      yield* queue.open
      yield* queue.send(mute("4"))
      assert.deepStrictEqual(sids(first.sent), ["1"])
      assert.deepStrictEqual(cases(second.sent).slice(0, 1), ["offer"])
      assert.deepStrictEqual(sids(second.sent), ["2", "3", "4"])
    })
  )

  it.effect("closes the gate when a connection takes the place of another without a pause", () =>
    Effect.gen(function* () {
      const queue = yield* SignalRequestQueue.make
      const second = far()
      yield* queue.attach(far().connection)
      yield* queue.open
      yield* queue.attach(second.connection)
      yield* queue.send(mute("1"))
      assert.deepStrictEqual(second.sent, [])
    })
  )

  it.effect("takes back what waits, and nothing else in the place of what has gone", () =>
    Effect.gen(function* () {
      const { connection, sent } = far()
      const queue = yield* SignalRequestQueue.make
      const [gone, waiting, other] = [mute("1"), mute("2"), mute("3")]
      yield* queue.attach(connection)
      yield* queue.open
      yield* queue.send(gone)
      yield* queue.detach
      yield* Effect.forEach([waiting, other], queue.send)
      assert.isFalse(queue.withdraw(gone))
      assert.isTrue(queue.withdraw(waiting))
      yield* queue.attach(connection)
      yield* queue.open
      assert.deepStrictEqual(sids(sent), ["1", "3"])
    })
  )

  it.effect("says goodbye past the queue, if there is anybody to hear it (S76)", () =>
    Effect.gen(function* () {
      const { connection, sent } = far()
      const queue = yield* SignalRequestQueue.make
      assert.isFalse(queue.sendUnsafe(leave))
      yield* queue.attach(connection)
      yield* queue.send(mute("1"))
      assert.isTrue(queue.sendUnsafe(leave))
      assert.deepStrictEqual(cases(sent), ["leave"])
      yield* queue.detach
      assert.isFalse(queue.sendUnsafe(leave))
    })
  )

  it.effect("loses, repeats and reorders nothing, however connections come and go", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(FastCheck.array(step, { maxLength: 100 }), (steps) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const queue = yield* SignalRequestQueue.make
              const sent: Array<SignalRequest.SignalRequest> = []
              let requested = 0
              let current: ReturnType<typeof far> | undefined
              let isOpen = false
              for (const next of steps) {
                if (next === "request") {
                  yield* queue.send(mute(String(++requested)))
                } else if (next === "attach") {
                  current = far(sent)
                  yield* queue.attach(current.connection)
                  isOpen = false
                } else if (next === "break") {
                  current?.breakSocket()
                } else if (next === "detach") {
                  current = undefined
                  yield* queue.detach
                } else {
                  yield* queue.open
                  isOpen = true
                }
                const count = sids(sent).length
                assert.deepStrictEqual(
                  sids(sent),
                  Array.from({ length: count }, (_, index) => String(index + 1))
                )
                assert.strictEqual(yield* queue.size, requested - count)
                const delivers = isOpen && current !== undefined && !current.isBroken()
                if (delivers && (next === "request" || next === "open")) assert.strictEqual(count, requested)
              }
            })
          )
        )
      )
    )
  )
})

const step = FastCheck.constantFrom("request", "request", "request", "attach", "break", "detach", "open")

// --- requests ---

const leave: SignalRequest.SignalRequest = { case: "leave", value: new LeaveRequest() }
const trickle: SignalRequest.SignalRequest = { case: "trickle", value: new TrickleRequest() }
const mute = (sid: string): SignalRequest.SignalRequest => {
  const { message } = Message.fromJson({ mute: { sid } })
  return message.case === undefined ? assert.fail("not a request") : message
}

/** One request of every kind that the protocol has. */
const everyRequest = (): ReadonlyArray<SignalRequest.SignalRequest> =>
  Message.fields.list().flatMap(({ jsonName, kind }) => {
    const { message } = Message.fromJson({ [jsonName ?? ""]: kind === "scalar" ? "1" : {} })
    return message.case === undefined ? [] : [message]
  })

const cases = (requests: ReadonlyArray<SignalRequest.SignalRequest>): ReadonlyArray<string> =>
  requests.map((request) => request.case)

const sids = (requests: ReadonlyArray<SignalRequest.SignalRequest>) =>
  requests.flatMap((request) => (request.case === "mute" ? [request.value.sid] : []))

// --- the far end ---

const far = (sent: Array<SignalRequest.SignalRequest> = []) => {
  let isBroken = false
  const connection: SignalConnection.SignalConnection = {
    path: "v1",
    handshake: { _tag: "Joined", response: new JoinResponse() },
    ping: { interval: 0, timeout: 0 },
    incoming: Effect.runSync(Queue.unbounded()),
    end: Effect.never,
    sendUnsafe: (request) => {
      if (isBroken) return false
      sent.push(request)
      return true
    },
    rtt: Effect.succeedNone,
    heardUntil: () => 0,
    probe: Effect.succeed(true)
  }
  return {
    connection,
    sent,
    isBroken: () => isBroken,
    breakSocket: () => {
      isBroken = true
    }
  }
}
