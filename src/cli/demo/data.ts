/**
 * Two participants meet, exchange data, and lose nothing when the signal connection of one is cut.
 *
 * Runs against a development server in this process, or against the LiveKit server that LIVEKIT_URL, LIVEKIT_API_KEY and
 * LIVEKIT_API_SECRET name.
 */
import { Clock, Effect, Fiber, Layer, Stream } from "effect"
import { Packet, RTCEngine, WebSocketConstructor } from "../../index.ts"
import { NodeDataChannel, NodeRTCEngine } from "../../node/index.ts"
import { awaitEvent, cuttable, line, step, target } from "./stage.ts"

const packetsEachWay = 500
const interval = 4

const sentAs = (kind: "reliable" | "lossy") => (from: RTCEngine.Engine, index: number) =>
  from.sendData(Packet.user(String(index), { topic: kind }), { kind })

/** Collects the numbers that a participant receives, as they come. */
const collect = Effect.fnUntraced(function* (engine: RTCEngine.Engine) {
  const reliable: Array<number> = []
  const lossy: Array<number> = []
  const subscription = yield* engine.subscribePackets
  yield* Stream.fromSubscription(subscription).pipe(
    Stream.runForEach(({ kind, packet }) =>
      Effect.sync(() => {
        if (packet.value.case !== "user") return
        const index = Number(new TextDecoder().decode(packet.value.value.payload))
        ;(kind === "reliable" ? reliable : lossy).push(index)
      })
    ),
    Effect.forkScoped
  )
  return { reliable, lossy }
})

const judge = (received: ReadonlyArray<number>) => {
  const seen = new Set(received)
  return {
    received: received.length,
    lost: packetsEachWay - seen.size,
    duplicated: received.length - seen.size,
    reordered: received.filter((value, index) => index > 0 && value < (received[index - 1] ?? 0)).length
  }
}

const program = Effect.gen(function* () {
  const server = yield* target
  const aliceSockets = cuttable()
  const makeEngine = (platform: Layer.Layer<WebSocketConstructor.WebSocketConstructor>) =>
    Effect.gen(function* () {
      const services = yield* Layer.build(
        NodeRTCEngine.layerServicesWithoutDependencies.pipe(
          Layer.provide(NodeDataChannel.layer),
          Layer.provide(platform),
          Layer.provide(NodeRTCEngine.layerPlatform)
        )
      )
      return yield* RTCEngine.make.pipe(Effect.provideContext(services))
    })
  yield* line()
  yield* line(`effect-livekit demo: two participants on ${server.name}`)
  yield* line()

  const alice = yield* makeEngine(aliceSockets.layer)
  const bob = yield* makeEngine(WebSocketConstructor.layer((url) => new WebSocket(url)))
  const aliceEvents = yield* alice.subscribeEvents
  const atAlice = yield* collect(alice)
  const atBob = yield* collect(bob)

  const started = yield* Clock.currentTimeMillis
  yield* Effect.all(
    [
      Effect.flatMap(server.token("alice"), (token) => alice.connect({ url: server.url, token })),
      Effect.flatMap(server.token("bob"), (token) => bob.connect({ url: server.url, token }))
    ],
    { concurrency: "unbounded" }
  )
  yield* step(`joined     alice and bob are connected after ${(yield* Clock.currentTimeMillis) - started} ms`)

  const send = (from: RTCEngine.Engine) =>
    Effect.forEach(
      Array.from({ length: packetsEachWay }, (_, index) => index),
      (index) =>
        sentAs("reliable")(from, index).pipe(
          Effect.andThen(sentAs("lossy")(from, index)),
          Effect.andThen(Effect.sleep(interval))
        ),
      { discard: true }
    )
  const sending = yield* Effect.forkScoped(Effect.all([send(alice), send(bob)], { concurrency: "unbounded" }))
  yield* step(
    `sending    ${packetsEachWay} reliable and ${packetsEachWay} lossy packets each way, one of each every ${interval} ms`
  )

  yield* Effect.sleep(600)
  const cutAt = yield* Clock.currentTimeMillis
  yield* aliceSockets.cut
  yield* step("cut        alice's signal connection is closed under her; data keeps flowing")
  const resumed = yield* awaitEvent(aliceEvents, "Resumed")
  const after = (yield* Clock.currentTimeMillis) - cutAt
  yield* step(
    `resumed    after ${after} ms; ${resumed.replayed} packets were replayed to be sure, the server drops what it has`
  )

  yield* Fiber.join(sending)
  yield* untilComplete([atAlice.reliable, atBob.reliable]).pipe(Effect.timeoutOption(5_000))
  yield* line()
  yield* line("  what arrived          received   lost  duplicated  reordered")
  const results = [
    ["reliable, at bob  ", judge(atBob.reliable)],
    ["reliable, at alice", judge(atAlice.reliable)],
    ["lossy, at bob     ", judge(atBob.lossy)],
    ["lossy, at alice   ", judge(atAlice.lossy)]
  ] as const
  for (const [name, { duplicated, lost, received, reordered }] of results) {
    yield* step(`${name}    ${pad(received, 8)} ${pad(lost, 6)} ${pad(duplicated, 11)} ${pad(reordered, 10)}`)
  }
  yield* line()
  const isClean = results
    .slice(0, 2)
    .every(([, { duplicated, lost, reordered }]) => lost === 0 && duplicated === 0 && reordered === 0)
  yield* alice.disconnect
  yield* bob.disconnect
  if (!isClean) return yield* Effect.die("reliable packets were lost, duplicated or reordered")
  yield* line("  Nothing reliable was lost, duplicated or reordered, and both have left the room.")
  yield* line()
})

const pad = (value: number, width: number) => String(value).padStart(width)

const untilComplete = (all: ReadonlyArray<ReadonlyArray<number>>): Effect.Effect<void> =>
  Effect.suspend(() =>
    all.every(({ length }) => length >= packetsEachWay)
      ? Effect.void
      : Effect.andThen(Effect.sleep(20), untilComplete(all))
  )

export const data = program.pipe(
  Effect.scoped,
  Effect.provide(NodeDataChannel.layer),
  Effect.timeoutOrElse({
    duration: 18_000,
    orElse: () => Effect.die("it was not done after 18 s; if nobody joined, check that UDP gets through to the server")
  })
)
