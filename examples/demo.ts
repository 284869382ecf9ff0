/**
 * Two participants meet, exchange data, and lose nothing when the signal connection of one is cut.
 *
 * Runs against a development server in this process, or against the LiveKit server that LIVEKIT_URL, LIVEKIT_API_KEY and
 * LIVEKIT_API_SECRET name.
 */
import { Cause, Clock, Effect, Exit, Fiber, Layer, Option, type PubSub, type Redacted, Stream } from "effect"
import { type EngineEvent, Packet, RTCEngine, WebSocketConstructor } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"

const packetsEachWay = 500
const interval = 4

interface Target {
  readonly name: string
  readonly url: string
  readonly token: (identity: string) => Effect.Effect<Redacted.Redacted<string>>
}

const room = `demo-${process.pid}`

/** The server named by the environment, or one started here. */
const target = Effect.gen(function* () {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env
  if (url !== undefined && apiKey !== undefined && apiSecret !== undefined) {
    return {
      name: `the LiveKit server at ${url}`,
      url,
      token: (identity: string) => AccessToken.issue({ apiKey, apiSecret }, { identity, room })
    } satisfies Target
  }
  if (url !== undefined || apiKey !== undefined || apiSecret !== undefined) {
    return yield* Effect.die(
      "set all three of LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to use that server, or none of them"
    )
  }
  const server = yield* DevServer.make()
  return {
    name: `a development server in this process (${server.url})`,
    url: server.url,
    token: (identity: string) => server.token({ identity, room })
  } satisfies Target
})

/** The sockets of one participant, so that the demo can cut them. */
const cuttable = () => {
  const sockets: Array<WebSocket> = []
  return {
    cut: Effect.sync(() => {
      for (const socket of sockets.splice(0)) socket.close()
    }),
    layer: WebSocketConstructor.layer((url) => {
      const socket = new WebSocket(url)
      sockets.push(socket)
      return socket
    })
  }
}

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

const line = (text = "") => Effect.sync(() => console.log(text))
const step = (text: string) => line(`  ${text}`)

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

const awaitEvent = <Tag extends EngineEvent.EngineEvent["_tag"]>(
  events: PubSub.Subscription<EngineEvent.EngineEvent>,
  tag: Tag
) =>
  Stream.fromSubscription(events).pipe(
    Stream.filter((event): event is Extract<EngineEvent.EngineEvent, { readonly _tag: Tag }> => event._tag === tag),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout(10_000)
  )

const untilComplete = (all: ReadonlyArray<ReadonlyArray<number>>): Effect.Effect<void> =>
  Effect.suspend(() =>
    all.every(({ length }) => length >= packetsEachWay)
      ? Effect.void
      : Effect.andThen(Effect.sleep(20), untilComplete(all))
  )

const main = program.pipe(
  Effect.scoped,
  Effect.provide(NodeDataChannel.layer),
  Effect.timeoutOrElse({
    duration: 18_000,
    orElse: () => Effect.die("it was not done after 18 s; if nobody joined, check that UDP gets through to the server")
  })
)

Effect.runCallback(main, {
  onExit: (exit) => {
    if (Exit.isSuccess(exit)) return
    const error = Cause.squash(exit.cause)
    console.error(`\n  The demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
})
