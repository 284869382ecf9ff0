/**
 * Two participants meet, exchange data, and lose nothing when the signal connection of one is cut, when nobody answers its dials
 * for three seconds, and when the server is killed and started again.
 *
 * Runs against a development server in this process, or against the LiveKit server that LIVEKIT_URL, LIVEKIT_API_KEY and
 * LIVEKIT_API_SECRET name.
 */
import { Clock, Effect, Fiber, Option, Schedule, Stream, SubscriptionRef } from "effect"
import { Packet, type RTCEngine, WebSocketConstructor } from "../../index.ts"
import { NodeDataChannel } from "../../node/index.ts"
import { counted } from "../../internal/counted.ts"
import { awaitEvent, cuttable, line, makeEngine, step, target } from "./stage.ts"

const packetsEachWay = 500
const packetsOverRestart = 200
const interval = 8
const refusal = 3_000

const sentAs = (kind: "reliable" | "lossy") => (from: RTCEngine.Engine, index: number) =>
  from.sendData(Packet.user(String(index), { topic: kind }), { kind })

/** Collects the numbers that a participant receives, as they come. */
const collect = Effect.fnUntraced(function* (engine: RTCEngine.Engine) {
  const heard = { reliable: new Array<number>(), lossy: new Array<number>() }
  const highest = yield* SubscriptionRef.make(-1)
  const subscription = yield* engine.subscribePackets
  yield* Stream.fromSubscription(subscription).pipe(
    Stream.runForEach(({ kind, packet }) =>
      Effect.suspend(() => {
        if (packet.value.case !== "user") return Effect.void
        const value = Number(new TextDecoder().decode(packet.value.value.payload))
        heard[kind].push(value)
        return kind === "reliable" ? SubscriptionRef.update(highest, (before) => Math.max(before, value)) : Effect.void
      })
    ),
    Effect.forkScoped
  )
  return {
    ...heard,
    /** Waits a while for a number. */
    until: (value: number) =>
      SubscriptionRef.changes(highest).pipe(
        Stream.filter((latest) => latest >= value),
        Stream.runHead,
        Effect.timeoutOption(3_000)
      )
  }
})

/** What came of the numbers from `first` on. */
const judge = (heard: ReadonlyArray<number>, first: number, count: number) => {
  const received = heard.filter((value) => value >= first && value < first + count)
  const seen = new Set(received)
  return {
    received: received.length,
    lost: count - seen.size,
    duplicated: received.length - seen.size,
    reordered: received.filter((value, index) => index > 0 && value < (received[index - 1] ?? 0)).length
  }
}

const program = Effect.gen(function* () {
  const server = yield* target
  const aliceSockets = cuttable()
  yield* line()
  yield* line(`effect-livekit demo: two participants on ${server.name}`)
  yield* line()

  const alice = yield* makeEngine(aliceSockets.layer, NodeDataChannel.layer)
  const bob = yield* makeEngine(
    WebSocketConstructor.layer((url) => new WebSocket(url)),
    NodeDataChannel.layer
  )
  const aliceEvents = yield* alice.subscribeEvents
  const bobEvents = yield* bob.subscribeEvents
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

  const exchange = (first: number, count: number) => {
    const send = (from: RTCEngine.Engine) =>
      Stream.range(first, first + count - 1).pipe(
        Stream.schedule(Schedule.spaced(interval)),
        Stream.runForEach((index) => Effect.andThen(sentAs("reliable")(from, index), sentAs("lossy")(from, index)))
      )
    return Effect.forkScoped(Effect.all([send(alice), send(bob)], { concurrency: "unbounded" }))
  }
  const bothHeard = (value: number) =>
    Effect.all([atAlice.until(value), atBob.until(value)], { concurrency: "unbounded" })
  const elapsedSince = (since: number) => Effect.map(Clock.currentTimeMillis, (now) => now - since)

  const first = yield* exchange(0, packetsEachWay)
  yield* step(
    `sending    ${packetsEachWay} reliable and ${packetsEachWay} lossy packets each way, one of each every ${interval} ms`
  )
  yield* bothHeard(60)
  const cutAt = yield* Clock.currentTimeMillis
  yield* aliceSockets.cut
  yield* step("cut        alice's signal connection is closed under her; data keeps flowing")
  const resumed = yield* awaitEvent(aliceEvents, "Resumed")
  yield* step(
    `resumed    after ${yield* elapsedSince(cutAt)} ms, the path answered in ${resumed.evidence.answered[0]?.millis ?? "?"} ms; ${counted(resumed.replayed, "packet")} replayed, the server drops what it has`
  )

  yield* bothHeard(125)
  const refusedAt = yield* Clock.currentTimeMillis
  yield* Option.getOrElse(server.refuseDials, () => aliceSockets.refuse)(refusal)
  yield* aliceSockets.cut
  yield* step(`refused    cut again, and her dials are refused for ${refusal / 1000} s; data keeps flowing`)
  const { attempts } = yield* awaitEvent(aliceEvents, "Resumed")
  const late = (yield* elapsedSince(refusedAt)) - refusal
  yield* step(`resumed    ${late} ms after dials were accepted again, at attempt ${attempts}`)
  yield* Fiber.join(first)
  yield* bothHeard(packetsEachWay - 1)
  const clean = yield* table(atAlice, atBob, 0, packetsEachWay)

  if (Option.isSome(server.restart)) {
    const second = yield* exchange(packetsEachWay, packetsOverRestart)
    yield* step(`sending    ${packetsOverRestart} more of each`)
    yield* bothHeard(packetsEachWay + 35)
    yield* server.restart.value
    const startedAt = yield* Clock.currentTimeMillis
    yield* step("killed     the server is gone for half a second, and knows nobody when it is back")
    yield* awaitEvent(aliceEvents, "Reconnected")
    yield* awaitEvent(bobEvents, "Reconnected")
    yield* step(
      `rejoined   alice and bob, ${yield* elapsedSince(startedAt)} ms after it was back; what was in doubt is sent again`
    )
    yield* Fiber.join(second)
    yield* bothHeard(packetsEachWay + packetsOverRestart - 1)
    const again = yield* table(atAlice, atBob, packetsEachWay, packetsOverRestart)
    if (again.some(({ duplicated, lost, reordered }) => lost + duplicated + reordered > 0)) {
      return yield* Effect.die("reliable packets were lost, duplicated or reordered over the restart")
    }
  } else {
    yield* step("The server is not ours to restart; without LIVEKIT_URL the demo does that too.")
    yield* line()
  }
  yield* alice.disconnect
  yield* bob.disconnect
  if (clean.some(({ duplicated, lost, reordered }) => lost + duplicated + reordered > 0)) {
    return yield* Effect.die("reliable packets were lost, duplicated or reordered")
  }
  yield* step("Nothing reliable was lost, duplicated or reordered by the outages, and both have left the room.")
  yield* line()
})

/** Prints what arrived of some packets; what of the reliable ones is returned. */
const table = Effect.fnUntraced(function* (
  atAlice: Effect.Success<ReturnType<typeof collect>>,
  atBob: Effect.Success<ReturnType<typeof collect>>,
  first: number,
  count: number
) {
  const reliable = [judge(atBob.reliable, first, count), judge(atAlice.reliable, first, count)] as const
  const rows = [
    ["reliable, at bob  ", reliable[0]],
    ["reliable, at alice", reliable[1]],
    ["lossy, at bob     ", judge(atBob.lossy, first, count)],
    ["lossy, at alice   ", judge(atAlice.lossy, first, count)]
  ] as const
  yield* line()
  yield* line("  what arrived          received   lost  duplicated  reordered")
  for (const [name, { duplicated, lost, received, reordered }] of rows) {
    yield* step(`${name}    ${pad(received, 8)} ${pad(lost, 6)} ${pad(duplicated, 11)} ${pad(reordered, 10)}`)
  }
  yield* line()
  return reliable
})

const pad = (value: number, width: number) => String(value).padStart(width)

export const data = program.pipe(
  Effect.scoped,
  Effect.provide(NodeDataChannel.layer),
  Effect.timeoutOrElse({
    duration: 18_000,
    orElse: () => Effect.die("it was not done after 18 s; if nobody joined, check that UDP gets through to the server")
  })
)
