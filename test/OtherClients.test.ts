import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, PubSub, Redacted, type Scope } from "effect"
import { type Packet, RTCEngine } from "effect-livekit"
import { NodeRTCEngine } from "effect-livekit/node"
import * as ChildClient from "./clients/ChildClient.ts"
import { libraries, servers } from "./clients/servers.ts"
import * as TcpProxy from "./fakes/TcpProxy.ts"
import { awaitEvent, numbers, sendNumbers } from "./suites/endToEnd.ts"

/** Packets of the other client that came to us. */
const numberOf = ({ packet }: Packet.ReceivedPacket) =>
  packet.value.case === "user" ? Number(new TextDecoder().decode(packet.value.value.payload)) : Number.NaN

for (const { name, restartsIce, runtime, server } of servers) {
  const layer = Layer.merge(NodeRTCEngine.layerServices, runtime)
  for (const library of libraries) {
    describe(`${library} and this engine on ${name}`, () => {
      const live = (title: string, test: Effect.Effect<void, unknown, Layer.Success<typeof layer> | Scope.Scope>) =>
        it.live(title, () => test.pipe(Effect.scoped, Effect.provide(layer)), 60_000)

      /** Our Alice and their Bob, each behind a relay. */
      const both = Effect.gen(function* () {
        const { token, url } = yield* server
        const [toAlice, toBob] = [yield* TcpProxy.make(url), yield* TcpProxy.make(url)]
        const engine = yield* RTCEngine.make
        const packets = yield* engine.subscribePackets
        const bob = yield* ChildClient.make(library)
        yield* bob.connect(toBob.url, Redacted.value(yield* token("bob")))
        yield* engine.connect({ url: toAlice.url, token: yield* token("alice") })
        const alice = {
          engine,
          cut: toAlice.cut,
          events: yield* engine.subscribeEvents,
          sendNumbers: (from: number, to: number, spacing = 0) => sendNumbers(engine, from, to, spacing),
          hears: Effect.map(PubSub.take(packets), (received) => ({
            number: numberOf(received),
            identity: received.packet.participantIdentity,
            topic: received.packet.value.case === "user" ? received.packet.value.value.topic : undefined
          }))
        }
        return { alice, bob: { ...bob, cut: toBob.cut } }
      })
      const hearUntil = <E>(hears: Effect.Effect<{ readonly number: number }, E>, last: number) =>
        Effect.gen(function* () {
          const heard: Array<number> = []
          while (heard.at(-1) !== last) heard.push((yield* hears).number)
          return heard
        })
      const sendBoth = ({ alice, bob }: Effect.Success<typeof both>, from: number, to: number, spacing: number) =>
        Effect.all([alice.sendNumbers(from, to, spacing), bob.sendNumbers(from, to, spacing)], {
          concurrency: "unbounded",
          discard: true
        })

      live(
        "exchange reliable packets once and in order, each knowing who spoke",
        Effect.gen(function* () {
          const { alice, bob } = yield* both
          yield* alice.sendNumbers(0, 1)
          yield* bob.sendNumbers(0, 1)
          assert.deepStrictEqual(yield* alice.hears, { number: 0, identity: "bob", topic: "numbers" })
          const first = yield* bob.hears
          assert.strictEqual(first.number, 0)
          // Of who has joined others hear by and by, and these clients know nobody before.
          if (first.identity !== undefined) assert.strictEqual(first.identity, "alice")
          yield* sendBoth({ alice, bob }, 1, 200, 0)
          assert.deepStrictEqual(yield* hearUntil(alice.hears, 199), numbers(1, 200))
          assert.deepStrictEqual(yield* hearUntil(bob.hears, 199), numbers(1, 200))
        })
      )

      live(
        "lose nothing when our signal connection is cut",
        Effect.gen(function* () {
          const { alice, bob } = yield* both
          const sending = yield* Effect.forkChild(sendBoth({ alice, bob }, 0, 100, 5))
          yield* Effect.sleep(200)
          yield* alice.cut
          yield* awaitEvent(alice.events, ({ _tag }) => _tag === "Resumed")
          yield* Fiber.join(sending)
          assert.deepStrictEqual(yield* hearUntil(alice.hears, 99), numbers(0, 100))
          assert.deepStrictEqual(yield* hearUntil(bob.hears, 99), numbers(0, 100))
        })
      )

      live(
        restartsIce
          ? "lose nothing when the signal connection of the other is cut"
          : "go on when the other has joined anew after a cut",
        Effect.gen(function* () {
          const { alice, bob } = yield* both
          const sending = yield* Effect.forkChild(sendBoth({ alice, bob }, 0, 100, 5))
          yield* Effect.sleep(200)
          yield* bob.cut
          yield* bob.changed("reconnected")
          yield* Fiber.join(sending)
          yield* sendBoth({ alice, bob }, 100, 110, 0)
          const atAlice = yield* hearUntil(alice.hears, 109)
          const atBob = yield* hearUntil(bob.hears, 109)
          // What is said to a participant that joins anew is kept by no server.
          if (restartsIce)
            assert.deepStrictEqual({ atAlice, atBob }, { atAlice: numbers(0, 110), atBob: numbers(0, 110) })
          else {
            assert.deepStrictEqual(atAlice.slice(-10), numbers(100, 110))
            assert.deepStrictEqual(atBob.slice(-10), numbers(100, 110))
          }
        })
      )
    })
  }
}
