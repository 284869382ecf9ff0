/**
 * What each outage costs this engine, both ways, one line per outage: alice is cut off, bob is not, both send a numbered packet every 4 ms.
 */
import { Clock, Effect, Fiber, Option, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Target from "./OutageTarget.ts"

/** Milliseconds between two packets. */
const interval = 4

interface Row {
  readonly outage: string
  /** Milliseconds from the end of the outage (the cut itself, the port open again, the server back) to alice being back. */
  readonly "back after ms": string
  /** Milliseconds, the longest pause that bob heard of alice. */
  readonly "own sends silent": string
  /** Milliseconds, the longest pause that alice heard of bob. */
  readonly "inbound silent": string
  /** Milliseconds, the longest pause of this process, for whatever reason: no shorter silence can be heard. */
  readonly "process paused": string
  readonly "at bob: lost/dup/reordered": string
  readonly "at alice: lost/dup/reordered": string
  readonly "said to be in doubt": number
}

const now = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

const join = Effect.fnUntraced(function* (server: Target.Target, identity: string, room: string) {
  const engine = yield* RTCEngine.make
  const heard: Array<{ readonly number: number; readonly at: number }> = []
  const self = { inDoubt: 0 }
  const packets = yield* engine.subscribePackets
  const events = yield* engine.subscribeEvents
  const doubts = yield* engine.subscribeEvents
  yield* Stream.fromSubscription(packets).pipe(
    Stream.runForEach(({ packet }) =>
      Effect.map(now, (at) => {
        if (packet.value.case !== "user") return
        heard.push({ number: Number(new TextDecoder().decode(packet.value.value.payload)), at })
      })
    ),
    Effect.forkScoped
  )
  yield* Stream.fromSubscription(doubts).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event._tag === "InDoubt") self.inDoubt += event.sequences.length
      })
    ),
    Effect.forkScoped
  )
  yield* engine.connect({ url: server.url, token: yield* server.token(identity, room) })
  return { engine, events: Stream.fromSubscription(events), heard, self }
})

type Participant = Effect.Success<ReturnType<typeof join>>

const isBack = ({ events }: Participant) =>
  events.pipe(
    Stream.filter(({ _tag }) => _tag === "Resumed" || _tag === "Reconnected"),
    Stream.runHead,
    Effect.andThen(now)
  )

/** One outage of alice; `cause` succeeds with the time from which on she could be back. */
const outage = Effect.fnUntraced(function* (
  server: Target.Target,
  name: string,
  options: { readonly packets: number; readonly bobToo: boolean },
  cause: Effect.Effect<number, unknown>
) {
  const alice = yield* join(server, "alice", name)
  const bob = yield* join(server, "bob", name)
  yield* Effect.sleep(200)
  const numbers = Array.from({ length: options.packets }, (_, index) => index)
  const send = ({ engine }: Participant) =>
    Effect.forEach(
      numbers,
      (number) => Effect.andThen(engine.sendData(Packet.user(String(number))), Effect.sleep(interval)),
      { discard: true }
    )
  const sending = yield* Effect.forkChild(Effect.all([send(alice), send(bob)], { concurrency: "unbounded" }))
  yield* Effect.sleep(200)
  const pauses = monitorEventLoopDelay({ resolution: 1 })
  pauses.enable()
  const back = yield* Effect.forkChild(
    Effect.all([isBack(alice), options.bobToo ? isBack(bob) : Effect.succeed(0)], { concurrency: "unbounded" })
  )
  const possible = yield* cause
  const [aliceAt, bobAt] = yield* Fiber.join(back)
  yield* Fiber.join(sending)
  yield* Effect.sleep(500)
  pauses.disable()
  const judge = ({ heard }: Participant) => {
    const seen = new Set(heard.map(({ number }) => number))
    const reordered = heard.filter(({ number }, index) => index > 0 && number < (heard[index - 1]?.number ?? 0))
    return `${numbers.length - seen.size} / ${heard.length - seen.size} / ${reordered.length}`
  }
  const pause = ({ heard }: Participant) =>
    Math.max(...heard.slice(1).map(({ at }, index) => at - (heard[index]?.at ?? at))).toFixed(0)
  return {
    backAfter: Math.max(aliceAt, bobAt) - possible,
    row: {
      outage: name,
      "back after ms": (Math.max(aliceAt, bobAt) - possible).toFixed(1),
      "own sends silent": pause(bob),
      "inbound silent": pause(alice),
      "process paused": (pauses.max / 1e6).toFixed(0),
      "at bob: lost/dup/reordered": judge(bob),
      "at alice: lost/dup/reordered": judge(alice),
      "said to be in doubt": alice.self.inDoubt + bob.self.inDoubt
    } satisfies Row
  }
}, Effect.scoped)

const repeat = <E, R>(
  times: number,
  run: (round: number) => Effect.Effect<{ readonly backAfter: number; readonly row: Row }, E, R>
) => Effect.forEach(Array.from({ length: times }), (_, round) => run(round + 1))

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN

export const outages = Effect.gen(function* () {
  const server = yield* Target.make
  console.log(`outages on ${server.name}`)
  const cut = yield* repeat(10, (round) =>
    outage(server, `cut ${round}`, { packets: 200, bobToo: false }, Effect.andThen(Target.cut(0), now))
  )
  const refused = yield* repeat(3, (round) =>
    outage(
      server,
      `refused 3 s, ${round}`,
      { packets: 1_100, bobToo: false },
      Effect.gen(function* () {
        const began = yield* now
        yield* server.refuseDials(3_000)
        yield* Target.cut(0)
        return began + 3_000
      })
    )
  )
  const { restart } = server
  const restarted = Option.isNone(restart)
    ? []
    : yield* repeat(3, (round) =>
        outage(server, `server restart ${round}`, { packets: 600, bobToo: true }, Effect.andThen(restart.value, now))
      )
  console.table([...cut, ...refused, ...restarted].map(({ row }) => row))
  for (const [name, runs] of [
    ["cut", cut],
    ["refused 3 s", refused],
    ["server restart", restarted]
  ] as const) {
    if (runs.length > 0)
      console.log(`${name}: back after ${median(runs.map(({ backAfter }) => backAfter)).toFixed(1)} ms in the median`)
  }
}).pipe(Effect.scoped, Effect.provide(Target.layer), Effect.orDie)
