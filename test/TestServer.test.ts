/**
 * The server of tests: requests as values, participants without an engine, faults.
 */
import { assert, describe, it } from "@effect/vitest"
import { LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Clock, Effect, Fiber, PubSub, type Scope } from "effect"
import { Packet, ReconnectPolicy, type RTCEngine } from "effect-livekit"
import { Expect, History, type SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

const test = <A, E>(
  name: string,
  body: Effect.Effect<A, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>,
  options: TestServer.TestServerOptions = {}
) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer(options))))

const connected = Effect.gen(function* () {
  const server = yield* TestServer.TestServer
  const engine = yield* TestRTCEngine.join("alice")
  return { engine, server }
})

const send = (engine: RTCEngine.Engine) => (text: string) => engine.sendData(Packet.user(text))

const now = Clock.currentTimeMillis

describe("requests", () => {
  test(
    "resumes a dropped signal once, replays, then falls back to a full join",
    Effect.gen(function* () {
      const { engine, server } = yield* connected
      yield* Effect.forEach(["a", "b", "c"], send(engine))
      assert.deepStrictEqual(yield* server.received(3), ["a", "b", "c"])
      yield* server.faults.dropSignal("alice")
      const resume = yield* server.request
      assert.strictEqual(resume._tag, "Resume")
      yield* resume.accept({ lastMessageSeq: 1 })
      assert.deepStrictEqual(yield* server.received(2), ["b", "c"])
      yield* server.faults.dropSignal("alice")
      yield* Effect.flatMap(server.request, (second) => second.reject(503))
      yield* VirtualTime.elapse("600 millis")
      assert.strictEqual((yield* server.request)._tag, "Join")
    }).pipe(Effect.provide(ReconnectPolicy.layerReference))
  )

  test(
    "says who asks, for what and where",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      yield* server.holdRequests
      yield* TestRTCEngine.joining("alice", { connectionMode: "dual" })
      const { _tag, host, participant, path } = yield* server.request
      assert.deepStrictEqual(
        { _tag, host, participant, path },
        { _tag: "Join", host: "livekit.test", participant: "alice", path: "/rtc" }
      )
    })
  )

  test(
    "keeps a client waiting for as long as the test says, before and after the socket opens",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const join = (options: Parameters<TestServer.Request["accept"]>[0]) =>
        Effect.gen(function* () {
          const before = yield* now
          const joining = yield* TestRTCEngine.joining("alice")
          yield* Effect.flatMap(server.request, (request) => request.accept(options))
          yield* VirtualTime.advancing(Fiber.join(joining))
          return (yield* now) - before
        })
      yield* server.holdRequests
      const quick = yield* join({})
      assert.isBelow(quick, 1_000)
      assert.strictEqual(yield* join({ delay: "3 seconds" }), quick + 3_000)
      assert.strictEqual(yield* join({ firstFrameDelay: "4 seconds" }), quick + 4_000)
    })
  )

  test(
    "tells the reason of a rejection to who asks for it",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const joining = yield* TestRTCEngine.joining("alice")
      yield* Effect.flatMap(server.request, (request) => request.reject(403, "not today"))
      const error = yield* Effect.flip(VirtualTime.advancing(Fiber.join(joining)))
      assert.isTrue(error._tag === "EngineError")
      assert.deepInclude(error._tag === "EngineError" ? error.reason : {}, {
        _tag: "Rejected",
        status: 403,
        body: "not today"
      })
    })
  )

  test(
    "says leave instead of an answer: the session is over, for the reason that the server gave",
    Effect.gen(function* () {
      const { engine, server } = yield* connected
      yield* server.faults.dropSignal("alice")
      const goodbye = new LeaveRequest({ reason: 4, action: LeaveRequest_Action.DISCONNECT })
      yield* Effect.flatMap(server.request, (request) => request.leave(goodbye))
      const { reason } = yield* Expect.event("alice", "Disconnected")
      assert.strictEqual(reason, 4)
      assert.strictEqual(yield* engine.state, "Disconnected")
      yield* VirtualTime.elapse("1 second")
      assert.deepStrictEqual(yield* server.participants("room"), [])
    })
  )

  test(
    "may be answered by a leave after the media ended",
    Effect.gen(function* () {
      const { server } = yield* connected
      yield* server.faults.dropSignal("alice")
      const resume = yield* server.request
      yield* server.faults.closeChannel("alice", "reliable")
      yield* VirtualTime.elapse("100 millis")
      yield* resume.leave(new LeaveRequest({ reason: 4, action: LeaveRequest_Action.DISCONNECT }))
      assert.strictEqual((yield* Expect.event("alice", "Disconnected", { within: "1 second" })).reason, 4)
    })
  )

  test(
    "do not come from a client that gave up before it was connected",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      yield* server.network.set("alice", { latency: 1_000 }, { path: "signal" })
      const first = yield* TestRTCEngine.joining("alice")
      yield* VirtualTime.elapse("3500 millis")
      yield* Fiber.interrupt(first)
      yield* Effect.flip(Effect.timeout(VirtualTime.advancing(server.request), "10 seconds"))
      const second = yield* TestRTCEngine.joining("alice")
      yield* Effect.flatMap(server.request, (request) => request.accept())
      yield* VirtualTime.advancing(Fiber.join(second))
    })
  )

  test(
    "lets a client run into its own limits: no answer, and no first message",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const fails = (decide: (request: TestServer.Request) => Effect.Effect<void>) =>
        Effect.gen(function* () {
          const joining = yield* TestRTCEngine.joining("alice")
          yield* Effect.flatMap(server.request, decide)
          const error = yield* Effect.flip(VirtualTime.advancing(Fiber.join(joining)))
          return error._tag === "EngineError" ? error.reason._tag : error._tag
        })
      assert.strictEqual(yield* fails((request) => request.stall), "DialTimeout")
      assert.strictEqual(yield* fails((request) => request.silence), "FirstFrameTimeout")
      assert.deepStrictEqual(yield* server.participants("room"), [])
    })
  )

  test(
    "are answered by the room again, those that wait too",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      yield* server.holdRequests
      const joining = yield* TestRTCEngine.joining("alice")
      yield* VirtualTime.elapse("2 seconds")
      assert.deepStrictEqual(yield* server.participants("room"), [])
      yield* server.answerRequests
      yield* VirtualTime.advancing(Fiber.join(joining))
      yield* TestRTCEngine.join("bob")
      assert.deepStrictEqual(yield* server.participants("room"), ["alice", "bob"])
    })
  )
})

describe("participants without an engine", () => {
  test(
    "are in the room for everybody, and gone when they leave",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const before = yield* server.join({ identity: "bob", name: "Bob" })
      const alice = yield* TestRTCEngine.join("alice")
      const { response } = yield* Expect.event("alice", "Joined")
      assert.deepStrictEqual(
        response.otherParticipants.map(({ identity, name }) => [identity, name]),
        [["bob", "Bob"]]
      )
      assert.deepStrictEqual(
        (yield* before.others).map(({ identity }) => identity),
        ["alice"]
      )
      // What she hears of herself.
      yield* Effect.replicateEffect(Expect.event("alice", "ParticipantsUpdated"), 2)
      yield* server.join({ identity: "carol" })
      yield* before.update({ metadata: "busy", attributes: { hand: "raised" } })
      yield* VirtualTime.elapse("1 second")
      yield* before.leave
      const updates = yield* Effect.replicateEffect(Expect.event("alice", "ParticipantsUpdated"), 3)
      assert.deepStrictEqual(
        updates.flatMap(({ participants }) =>
          participants.map(({ attributes, identity, metadata, state }) => ({
            identity,
            metadata,
            state,
            hand: attributes["hand"]
          }))
        ),
        [
          { identity: "carol", metadata: "", state: 2, hand: undefined },
          { identity: "bob", metadata: "busy", state: 2, hand: "raised" },
          { identity: "bob", metadata: "busy", state: 3, hand: "raised" }
        ]
      )
      assert.strictEqual(yield* alice.state, "Connected")
    })
  )

  test(
    "say and hear what engines do, on topics and for some only",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const alice = yield* TestRTCEngine.join("alice")
      const bob = yield* server.join({ identity: "bob" })
      const carol = yield* server.join({ identity: "carol" })
      const heard = yield* alice.subscribePackets
      yield* alice.sendData(Packet.user("to all"))
      yield* alice.sendData(Packet.user("to bob"), { destinationIdentities: ["bob"] })
      yield* alice.sendData(Packet.user("quick"), { kind: "lossy" })
      assert.deepStrictEqual((yield* bob.received(3)).toSorted(), ["quick", "to all", "to bob"])
      assert.deepStrictEqual((yield* carol.received(2)).toSorted(), ["quick", "to all"])
      yield* bob.send("hello", { topic: "chat", destinationIdentities: ["alice"] })
      const { packet } = yield* VirtualTime.advancing(PubSub.take(heard))
      assert.strictEqual(packet.participantIdentity, "bob")
      assert.isTrue(packet.value.case === "user" && packet.value.value.topic === "chat")
      yield* alice.sendData(Packet.user("unheard"))
      yield* VirtualTime.settle
      yield* bob.send("all of you", { kind: "lossy" })
      assert.strictEqual((yield* VirtualTime.advancing(PubSub.take(heard))).kind, "lossy")
      assert.deepStrictEqual(yield* carol.received(1, { from: "bob" }), ["all of you"])
      assert.lengthOf(yield* carol.packets, 4)
    })
  )

  test(
    "cannot speak when they have left, or the server is another",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const bob = yield* server.join({ identity: "bob" })
      yield* bob.leave
      assert.include((yield* Effect.flip(bob.send("hello"))).message, "bob is in the room")
      const carol = yield* server.join({ identity: "carol" })
      yield* server.faults.stop
      yield* server.faults.start
      assert.strictEqual((yield* Effect.flip(carol.send("hello")))._tag, "ExpectationFailed")
    })
  )

  test(
    "take the place of who has their identity, as any other client",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      yield* TestRTCEngine.join("alice")
      yield* server.join({ identity: "alice" })
      assert.strictEqual((yield* Expect.event("alice", "Disconnected")).reason, 2)
    })
  )
})

describe("a client that is gone", () => {
  test(
    "without its close getting through is found out by the server",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      const history = yield* History.History
      const alice = yield* TestRTCEngine.join("alice")
      yield* server.network.changeAddress("alice")
      yield* alice.disconnect
      yield* VirtualTime.elapse("29 seconds")
      const isFound = () => history.entries().some(({ what }) => what === "finds that a socket of alice is dead")
      assert.isFalse(isFound())
      yield* VirtualTime.elapse("1 second")
      assert.isTrue(isFound())
    })
  )
})

describe("faults", () => {
  for (const connectionMode of ["single", "dual"] as const) {
    test(
      `close a channel under load, and every packet arrives once (${connectionMode})`,
      Effect.gen(function* () {
        const server = yield* TestServer.TestServer
        const alice = yield* TestRTCEngine.join("alice", { connectionMode })
        const bob = yield* TestRTCEngine.join("bob", { connectionMode })
        const heard = yield* bob.subscribePackets
        const numbers = Array.from({ length: 300 }, (_, index) => String(index))
        const sending = Effect.forEach(numbers, (number) => Effect.andThen(send(alice)(number), Effect.sleep(1)))
        yield* Effect.forkScoped(sending)
        yield* VirtualTime.elapse("100 millis")
        yield* server.faults.closeChannel("alice", "reliable")
        yield* Expect.event("alice", "Reconnected")
        yield* VirtualTime.elapse("5 seconds")
        const texts = (yield* PubSub.takeAll(heard)).map(({ packet }) =>
          packet.value.case === "user" ? new TextDecoder().decode(packet.value.value.payload) : ""
        )
        assert.deepStrictEqual(texts, numbers)
      })
    )
  }

  test(
    "close one region and leave the others open",
    Effect.gen(function* () {
      const server = yield* TestServer.TestServer
      assert.deepStrictEqual(server.regions, ["wss://ams.test.livekit.cloud", "wss://fra.test.livekit.cloud"])
      yield* server.faults.closeHost("wss://ams.test.livekit.cloud")
      yield* TestRTCEngine.joining("alice")
      yield* Effect.flatMap(server.request, (request) => request.reject(503))
      assert.strictEqual((yield* server.request).host, "fra.test.livekit.cloud")
    }),
    { regions: ["ams", "fra"] }
  )
})

describe("chance", () => {
  /** What happened in an outage, and how many milliseconds after its beginning. */
  const outage = (seed: number) =>
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const start = yield* now
      yield* TestRTCEngine.join("alice")
      yield* faults.refuseDials
      yield* faults.dropSignal("alice")
      yield* VirtualTime.elapse("70 seconds")
      return (yield* History.History).entries().map(({ at, what }) => `${Math.round(at - start)} ${what}`)
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer({ seed })))

  it.effect("is the same for the same seed, and other for another", () =>
    Effect.gen(function* () {
      const first = yield* outage(1)
      assert.isAbove(first.length, 20)
      assert.deepStrictEqual(yield* outage(1), first)
      assert.notDeepEqual(yield* outage(2), first)
    })
  )
})
