import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Packet } from "effect-livekit"
import { Expect, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"

it.effect("delivers what is said while the network is gone", () =>
  Effect.gen(function* () {
    const server = yield* TestServer.TestServer
    const network = yield* SimNetwork.SimNetwork
    const alice = yield* TestRTCEngine.join("alice")
    const bob = yield* server.join({ identity: "bob" })
    yield* network.cutOff("alice")
    yield* alice.sendData(Packet.user("are you there?"))
    yield* VirtualTime.elapse("40 seconds")
    yield* network.restore("alice")
    yield* Expect.event("alice", "Reconnected", { within: "10 seconds" })
    assert.deepStrictEqual(yield* bob.received(1), ["are you there?"])
  }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
)
