/**
 * Interrupts an engine before each single task of a connect, a resume and a full reconnect: nothing is left of it, the server
 * knows, and it connects again.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Duration, Effect, Exit, Fiber, Layer, Logger, PubSub, Random, Scope } from "effect"
import {
  DataChannel,
  Packet,
  PeerConnectionTransport,
  RegionUrlProvider,
  RTCEngine,
  SignalClient
} from "effect-livekit"
import { TestServer } from "effect-livekit/testing"
import * as SimPlatform from "./simulator/SimPlatform.ts"
import { VirtualRuntime } from "./simulator/VirtualRuntime.ts"

const host = "livekit.test"
const goAway = new LeaveRequest({ reason: DisconnectReason.SERVER_SHUTDOWN, action: LeaveRequest_Action.RECONNECT })
const begin = {
  connect: () => Effect.void,
  resume: (server: TestServer.TestServer["Service"]) => server.faults.dropSignal("alice"),
  "full reconnect": (server: TestServer.TestServer["Service"]) => server.faults.leave("alice", goAway)
} as const
const succeeded = { connect: "Connected", resume: "Resumed", "full reconnect": "Reconnected" } as const

/** False when it was over before the task with this number. A fiber takes as many steps as it can in a task, or only so many. */
const interruptBefore = (
  number: number,
  phase: keyof typeof begin,
  connectionMode: "single" | "dual",
  options: ConstructorParameters<typeof VirtualRuntime>[0] = {}
): boolean => {
  const runtime = new VirtualRuntime(options)
  const self = { tasks: -1, strike: () => {}, hasStruck: false, isOver: false }
  runtime.onTask = () => {
    if (self.tasks < 0 || self.isOver || self.tasks++ !== number) return
    self.hasStruck = true
    self.strike()
  }
  const program = Effect.gen(function* () {
    const server = yield* TestServer.TestServer
    const { signal, media } = yield* server.network.paths("alice")
    yield* Effect.all([signal.set({ latency: 5 }), media.set({ latency: 5 })])
    const platform = yield* SimPlatform.make({
      server: server.platform("alice"),
      serverHost: host,
      conditions: SimPlatform.conditions([host]),
      record: () => {}
    })
    const services = Layer.mergeAll(
      SignalClient.layer,
      PeerConnectionTransport.layer,
      DataChannel.layer,
      RegionUrlProvider.layerNoop
    ).pipe(Layer.provide(platform.layer))
    const engine = yield* Effect.flatMap(Layer.build(services), (context) =>
      Effect.provideContext(RTCEngine.make, context)
    )
    const token = yield* server.token({ identity: "alice", room: "room" })
    const connect = engine.connect({ url: `ws://${host}`, token, connectionMode })
    const events: Array<string> = []
    const watch = yield* engine.subscribeEvents
    const scope = yield* Scope.make()
    const connected = yield* Effect.forkChild(Effect.andThen(Scope.provide(connect, scope), Effect.never))
    const look = Effect.gen(function* () {
      for (const { _tag } of yield* PubSub.takeUpTo(watch, 100)) events.push(_tag)
      return events
    })
    const isThere = (tag: string) =>
      Effect.gen(function* () {
        while (!(yield* look).includes(tag)) yield* Effect.sleep(1)
      })
    self.strike = () => connected.interruptUnsafe()
    if (phase !== "connect") yield* isThere("Connected")
    self.tasks = 0
    yield* begin[phase](server)
    yield* Effect.raceFirst(isThere(succeeded[phase]), Fiber.await(connected))
    self.isOver = true
    yield* Fiber.interrupt(connected)
    // A connect that was interrupted needs no scope that closes.
    if ((yield* look).includes("Connected")) yield* Scope.close(scope, Exit.void)

    const where = `before task ${number} of a ${phase}`
    assert.strictEqual(yield* engine.state, "Disconnected", where)
    const nothing = { sockets: 0, listeners: 0, peerConnections: 0, channels: 0 }
    assert.deepStrictEqual(platform.counts(), nothing, where)
    // Without a signal connection the server finds out by the media.
    yield* Effect.sleep(phase === "resume" ? "1 minute" : "1 second")
    assert.deepStrictEqual(yield* server.participants("room"), [], where)
    yield* Effect.scoped(Effect.andThen(connect, engine.sendData(Packet.user("again"))))
    assert.deepStrictEqual(platform.counts(), nothing, where)
  })
  const { defects, exit, hung, left } = runtime.run(
    program.pipe(Effect.scoped, Effect.provide(Layer.merge(TestServer.layer(), Logger.layer([]))), Random.withSeed(1)),
    { limit: Duration.minutes(10) }
  )
  if (exit !== undefined && Exit.isFailure(exit)) assert.fail(String(exit.cause))
  assert.deepStrictEqual({ defects, hung, left }, { defects: [], hung: undefined, left: { fibers: 0, timers: 0 } })
  return self.hasStruck
}

describe("an engine that is interrupted", () => {
  for (const [phase, mode] of [
    ["connect", "single"],
    ["connect", "dual"],
    ["resume", "single"],
    ["resume", "dual"],
    ["full reconnect", "single"]
  ] as const) {
    it(`leaves nothing behind, at whatever task of a ${phase} (${mode})`, () => {
      let number = 0
      while (interruptBefore(number, phase, mode)) number++
      assert.isAbove(number, 50)
    }, 240_000)
  }

  it("leaves nothing behind, at whatever few steps of the beginning of a connect", () => {
    for (let number = 0; number < 220; number++) {
      assert.isTrue(interruptBefore(number, "connect", "single", { opsBeforeYield: 3 }))
    }
  }, 240_000)
})
