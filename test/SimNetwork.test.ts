/**
 * What the simulated network does to those who talk over it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, PubSub, type Scope, Stream } from "effect"
import { Packet, type RTCEngine } from "effect-livekit"
import { Expect, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

type Services = TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope

const test = <A, E>(name: string, body: Effect.Effect<A, E, Services>, options: TestServer.TestServerOptions = {}) =>
  it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer(options))))

const say = (engine: RTCEngine.Engine, text: string, kind: "reliable" | "lossy" = "reliable") =>
  engine.sendData(Packet.user(text), { kind })

/** Milliseconds that an effect takes. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    yield* effect
    return Math.round((yield* Clock.currentTimeMillis) - before)
  })

/** Alice with an engine, bob at the server, and the network. */
const pair = Effect.gen(function* () {
  const server = yield* TestServer.TestServer
  const network = yield* SimNetwork.SimNetwork
  const alice = yield* TestRTCEngine.join("alice")
  const bob = yield* server.join({ identity: "bob" })
  const heard: Array<string> = []
  yield* alice.packets.pipe(
    Stream.runForEach(({ packet }) =>
      Effect.sync(() => {
        if (packet.value.case === "user") heard.push(new TextDecoder().decode(packet.value.value.payload))
      })
    ),
    Effect.forkScoped
  )
  yield* VirtualTime.settle
  return { alice, bob, heard, network, server }
})

describe("latency", () => {
  test(
    "makes every packet so much later, each direction by itself",
    Effect.gen(function* () {
      const { alice, bob, heard, network } = yield* pair
      yield* network.set("alice", { latency: 70 }, { path: "media", direction: "up" })
      yield* say(alice, "1")
      assert.strictEqual(yield* timed(bob.received(1)), 70)
      yield* bob.send("2")
      yield* VirtualTime.elapse("1 millis")
      assert.deepStrictEqual(heard, ["2"])
      yield* network.set("alice", { latency: 30 }, { path: "media", direction: "down" })
      yield* bob.send("3")
      yield* VirtualTime.elapse("29 millis")
      assert.deepStrictEqual(heard, ["2"])
      yield* VirtualTime.elapse("1 millis")
      assert.deepStrictEqual(heard, ["2", "3"])
    })
  )

  test(
    "of signalling makes a join slower and leaves data alone",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.set("carol", { latency: 100 }, { path: "signal" })
      const joining = yield* timed(TestRTCEngine.join("carol"))
      // TCP, the upgrade, and the messages up to an open channel.
      assert.isAtLeast(joining, 400)
      assert.isAtMost(joining, 1_000)
      yield* network.set("alice", { latency: 100 }, { path: "signal" })
      yield* say(alice, "1")
      assert.strictEqual(yield* timed(bob.received(1)), 0)
    })
  )
})

describe("jitter", () => {
  test(
    "lets lossy packets overtake each other, and keeps reliable ones in order",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      const numbers = Array.from({ length: 40 }, (_, index) => String(index))
      yield* network.set("alice", { jitter: 200 }, { path: "media" })
      for (const number of numbers) yield* say(alice, number, "lossy")
      const lossy = yield* bob.received(40)
      assert.notDeepEqual(lossy, numbers)
      assert.deepStrictEqual(lossy.toSorted(), numbers.toSorted())
      for (const number of numbers) yield* say(alice, number)
      const took = yield* timed(Effect.map(bob.received(40), (texts) => assert.deepStrictEqual(texts, numbers)))
      assert.isTrue(took > 100 && took <= 200)
    })
  )
})

describe("loss", () => {
  test(
    "loses that share of lossy packets for good, and makes reliable ones late",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.set("alice", { loss: 0.3 }, { path: "media", direction: "up" })
      for (let index = 0; index < 500; index++) yield* say(alice, "lossy", "lossy")
      yield* VirtualTime.elapse("10 seconds")
      const arrived = (yield* bob.packets).length
      assert.isTrue(arrived > 300 && arrived < 400, `${arrived} of 500 arrived`)
      for (let index = 0; index < 20; index++) yield* say(alice, "reliable")
      assert.isAtLeast(yield* timed(bob.received(arrived + 20)), 200)
    })
  )

  test(
    "of everything is an outage",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.set("alice", { loss: 1 })
      yield* say(alice, "1")
      yield* Expect.event("alice", "Resuming")
      assert.lengthOf(yield* bob.packets, 0)
      yield* network.set("alice", { loss: 0 })
      assert.deepStrictEqual(yield* bob.received(1), ["1"])
    })
  )
})

describe("bandwidth", () => {
  test(
    "makes a large packet take its time, and the next one wait for it",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.set("alice", { bandwidth: 80_000 }, { path: "media", direction: "up" })
      const kilobyte = "x".repeat(1_000)
      yield* say(alice, kilobyte)
      const one = yield* timed(bob.received(1))
      assert.isTrue(one >= 100 && one <= 110, `${one} ms for 8,000 bits and a header at 80 kbit/s`)
      for (let index = 0; index < 10; index++) yield* say(alice, kilobyte)
      const ten = yield* timed(bob.received(10))
      assert.isTrue(ten >= 1_000 && ten <= 1_100, `${ten} ms for ten`)
    })
  )

  test(
    "is shared by all that goes that way",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.set("alice", { bandwidth: 80_000 }, { path: "media", direction: "up" })
      yield* say(alice, "x".repeat(20_000), "lossy")
      yield* say(alice, "1")
      yield* VirtualTime.elapse("1900 millis")
      assert.lengthOf(yield* bob.packets, 0)
      yield* VirtualTime.elapse("300 millis")
      assert.lengthOf(yield* bob.packets, 2)
    })
  )

  test(
    "is felt by senders: what is not sent waits, and lossy packets are dropped",
    Effect.gen(function* () {
      const { alice, network } = yield* pair
      yield* network.set("alice", { bandwidth: 80_000 }, { path: "media", direction: "up" })
      const payload = new Uint8Array(50_000)
      for (let index = 0; index < 20; index++) yield* alice.sendData(Packet.user(payload), { kind: "lossy" })
      assert.isAbove((yield* alice.counters).lossyDropped, 5)
      const full = Effect.forever(alice.sendData(Packet.user(payload), { whenFull: "fail" }))
      const { reason } = yield* Effect.flip(full)
      assert.strictEqual(reason._tag, "BufferFull")
    })
  )
})

describe("a partition", () => {
  test(
    "of the signal path leaves the media path alone",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.cutOff("alice", { path: "signal" })
      yield* say(alice, "1")
      assert.deepStrictEqual(yield* bob.received(1, { within: "1 second" }), ["1"])
      // Pings are not answered any more.
      yield* Expect.event("alice", "Resuming", { within: "25 seconds" })
      yield* network.restore("alice", { path: "signal" })
      yield* Expect.event("alice", "Resumed")
    })
  )

  test(
    "of one direction lets the other through",
    Effect.gen(function* () {
      const { alice, bob, heard, network } = yield* pair
      yield* network.cutOff("alice", { path: "media", direction: "up" })
      yield* say(alice, "up")
      yield* bob.send("down")
      yield* VirtualTime.elapse("1 second")
      assert.deepStrictEqual(heard, ["down"])
      assert.lengthOf(yield* bob.packets, 0)
      yield* network.restore("alice", { path: "media", direction: "up" })
      assert.deepStrictEqual(yield* bob.received(1, { within: "1 second" }), ["up"])
    })
  )

  test(
    "is noticed by a peer connection after 30 s, though the server gave up before",
    Effect.gen(function* () {
      const { network, server } = yield* pair
      yield* network.cutOff("alice")
      yield* VirtualTime.elapse("28 seconds")
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
      const { cause } = yield* Expect.event("alice", "Resuming", { within: "3 seconds" })
      assert.strictEqual(cause._tag, "PeerConnectionFailed")
    }),
    { pingInterval: 0 }
  )

  test(
    "of one participant leaves the others alone",
    Effect.gen(function* () {
      const { network, server } = yield* pair
      const carol = yield* TestRTCEngine.join("carol")
      yield* network.cutOff("alice")
      yield* say(carol, "1")
      assert.deepStrictEqual(yield* server.received(1, { from: "carol", within: "1 second" }), ["1"])
      yield* Expect.never("carol", "Resuming", { during: "1 minute" })
    })
  )
})

describe("a new address", () => {
  test(
    "kills what was begun before without a word, and an ICE restart finds the new path",
    Effect.gen(function* () {
      const { alice, bob, network, server } = yield* pair
      yield* Expect.event("alice", "TokenRefreshed")
      yield* network.set("alice", { latency: 15 })
      yield* network.changeAddress("alice")
      yield* say(alice, "1")
      yield* server.faults.refreshToken("alice")
      yield* Expect.never("alice", "TokenRefreshed", { during: "1 second" })
      yield* VirtualTime.elapse("4 seconds")
      assert.lengthOf(yield* bob.packets, 0)
      assert.strictEqual(yield* alice.state, "Connected")
      yield* Expect.event("alice", "Resuming", { within: "40 seconds" })
      yield* Expect.event("alice", "Resumed", { within: "10 seconds" })
      assert.deepStrictEqual(yield* bob.received(1), ["1"])
    })
  )

  test(
    "needs a new session where the runtime has no ICE restart",
    Effect.gen(function* () {
      const { network } = yield* pair
      const carol = yield* TestRTCEngine.join("carol", { capabilities: { iceRestart: false } })
      yield* network.changeAddress("carol")
      yield* say(carol, "1")
      yield* Expect.event("carol", "Reconnected")
      yield* Expect.never("carol", "Resumed", { during: "1 second" })
    })
  )

  test(
    "is found at once by an application that knows of it",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.changeAddress("alice")
      yield* alice.reconnectNow
      yield* Expect.event("alice", "Resumed", { within: "1 second" })
      yield* say(alice, "1")
      assert.deepStrictEqual(yield* bob.received(1, { within: "1 second" }), ["1"])
    })
  )
})

describe("sleep", () => {
  test(
    "lets no timer of the client fall due and nothing through, and the server goes on",
    Effect.gen(function* () {
      const { alice, network, server } = yield* pair
      const ticks: Array<number> = []
      const tick = Effect.flatMap(Clock.currentTimeMillis, (at) => Effect.sync(() => ticks.push(at)))
      yield* Effect.sleep("1 second").pipe(
        Effect.andThen(tick),
        Effect.forever,
        (ticking) => TestRTCEngine.onMachine("alice", ticking),
        Effect.forkScoped
      )
      yield* VirtualTime.elapse("5 seconds")
      assert.lengthOf(ticks, 5)
      yield* network.sleep("alice")
      yield* VirtualTime.elapse("9 minutes")
      // An engine that is awake has given up by then.
      assert.strictEqual(yield* alice.state, "Connected")
      assert.lengthOf(ticks, 5)
      assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
      yield* network.wake("alice")
      const { cause } = yield* Expect.event("alice", "Resuming", { within: "1 second" })
      assert.strictEqual(cause._tag, "PeerConnectionFailed")
      yield* Expect.event("alice", "Reconnected", { within: "10 seconds" })
      assert.deepStrictEqual((yield* server.participants("room")).toSorted(), ["alice", "bob"])
      assert.isAbove(ticks.length, 5)
    })
  )

  test(
    "for long loses nothing that was on its way when it began",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.set("alice", { latency: 50 })
      yield* say(alice, "1")
      yield* network.sleep("alice")
      yield* VirtualTime.elapse("9 minutes")
      yield* network.wake("alice")
      yield* Expect.event("alice", "Reconnected", { within: "10 seconds" })
      yield* say(alice, "2")
      assert.deepStrictEqual(yield* bob.received(2), ["1", "2"])
    })
  )

  const shortPings = { pingInterval: 1, pingTimeout: 2 }

  /** What is in doubt when the session is lost some time after a sleep that it outlived. */
  const lostAfterSleep = Effect.fnUntraced(function* (millis: number) {
    const { alice, network, server } = yield* pair
    yield* say(alice, "before")
    yield* network.sleep("alice")
    yield* VirtualTime.elapse("6 seconds")
    yield* network.wake("alice")
    yield* Expect.never("alice", "Resuming", { during: millis })
    yield* say(alice, "after")
    yield* server.faults.refuseNextResume("alice")
    yield* server.faults.dropSignal("alice")
    const { sequences } = yield* Expect.event("alice", "InDoubt", { within: "5 seconds" })
    return sequences.length
  })

  test(
    "leaves in doubt what was said before it, if the session is lost soon after",
    Effect.gen(function* () {
      assert.strictEqual(yield* lostAfterSleep(10_000), 2)
    }),
    shortPings
  )

  test(
    "leaves nothing in doubt that was said long before the session is lost",
    Effect.gen(function* () {
      assert.strictEqual(yield* lostAfterSleep(70_000), 1)
    }),
    shortPings
  )

  test(
    "for long lets nobody hear twice what was said before it",
    Effect.gen(function* () {
      const { alice, network } = yield* pair
      const carol = yield* TestRTCEngine.join("carol")
      const heard = yield* carol.subscribePackets
      // More than the room remembers.
      for (let index = 0; index < 150; index++) yield* say(alice, String(index))
      yield* VirtualTime.elapse("2 seconds")
      yield* network.sleep("alice")
      yield* VirtualTime.elapse("9 minutes")
      yield* network.wake("alice")
      const { sequences } = yield* Expect.event("alice", "InDoubt")
      assert.lengthOf(sequences, 150)
      yield* Expect.event("alice", "Reconnected")
      yield* VirtualTime.elapse("2 seconds")
      assert.lengthOf(yield* PubSub.takeAll(heard), 150)
    })
  )

  test(
    "leaves other clients awake",
    Effect.gen(function* () {
      const { network } = yield* pair
      const carol = yield* TestRTCEngine.join("carol")
      yield* network.sleep("alice")
      yield* VirtualTime.elapse("20 seconds")
      yield* carol.reconnectNow
      yield* Expect.event("carol", "Resumed", { within: "1 second" })
    })
  )

  test(
    "for a moment is not noticed",
    Effect.gen(function* () {
      const { alice, bob, network } = yield* pair
      yield* network.sleep("alice")
      yield* say(alice, "1")
      yield* VirtualTime.elapse("3 seconds")
      assert.lengthOf(yield* bob.packets, 0)
      yield* network.wake("alice")
      assert.deepStrictEqual(yield* bob.received(1, { within: "1 second" }), ["1"])
      yield* Expect.never("alice", "Resuming", { during: "1 minute" })
    })
  )
})

describe("SimNetwork.layer", () => {
  it.effect("is a network without a server, for peer connections of a test's own", () =>
    Effect.gen(function* () {
      const network = yield* SimNetwork.SimNetwork
      const { media } = yield* network.paths("alice")
      yield* media.set({ latency: 40 })
      yield* media.down.set({ latency: 10 })
      assert.strictEqual(yield* timed(VirtualTime.advancing(media.open().roundTrip)), 50)
      assert.deepInclude(yield* media.up.conditions, { latency: 40, bandwidth: Infinity })
    }).pipe(Effect.scoped, Effect.provide(Layer.fresh(SimNetwork.layer)))
  )
})
