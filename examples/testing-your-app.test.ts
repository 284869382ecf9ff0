/**
 * A test of an application, with the real engine, on a server, a network and a clock that the test controls.
 */
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { RTCEngine } from "effect-livekit"
import { Expect, SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import * as SharedCounter from "./sharedCounter.ts"

const counterOf = (participant: string) =>
  Effect.flatMap(TestRTCEngine.join(participant), (engine) =>
    Effect.provideService(SharedCounter.make, RTCEngine.RTCEngine, engine)
  )

it.effect("counts what is pressed while the network is gone for 40 s", () =>
  Effect.gen(function* () {
    const network = yield* SimNetwork.SimNetwork
    const [alice, bob] = yield* Effect.all([counterOf("alice"), counterOf("bob")])
    yield* network.cutOff("alice")
    yield* Effect.all([alice.press, bob.press, bob.press])
    yield* VirtualTime.elapse("40 seconds")
    yield* network.restore("alice")
    const bothShow3 = Effect.map(Effect.all([alice.shown, bob.shown]), (shown) => shown.every((count) => count === 3))
    yield* Expect.eventually("both show 3", bothShow3, { within: "10 seconds" })
  }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
)
