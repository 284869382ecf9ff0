/**
 * Measurements on a development server in this process, or on the LiveKit server that the environment names.
 *
 * `npm run bench` measures connecting, round trips, throughput and memory; `npm run bench -- resume` measures signal cuts.
 */
import { Clock, Effect, Fiber, Option, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import * as Target from "./target.ts"

const percentile = (values: ReadonlyArray<number>, share: number) => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
const now = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)
const rows: Array<{ readonly what: string; readonly result: string }> = []
const report = (what: string, result: string) => Effect.sync(() => void rows.push({ what, result }))

const join = Effect.fnUntraced(function* (server: Target.Target, identity: string, room: string) {
  const engine = yield* RTCEngine.make
  const packets = yield* engine.subscribePackets
  const events = yield* engine.subscribeEvents
  yield* engine.connect({ url: server.url, token: yield* server.token(identity, room) })
  return { engine, packets: Stream.fromSubscription(packets), events: Stream.fromSubscription(events) }
})
type Server = Target.Target

const connect = (server: Server) =>
  Effect.gen(function* () {
    const times: Array<number> = []
    for (let round = 0; round < 20; round++) {
      yield* Effect.gen(function* () {
        const bob = yield* join(server, "bob", `connect-${round}`)
        const started = yield* now
        const alice = yield* join(server, "alice", `connect-${round}`)
        yield* alice.engine.sendData(Packet.user("first"))
        yield* Stream.runHead(bob.packets)
        times.push((yield* now) - started)
      }).pipe(Effect.scoped)
    }
    yield* report(
      "connect to first data at the other, 20 times",
      `median ${percentile(times, 0.5).toFixed(0)} ms, ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`
    )
  })

const roundTrip = (server: Server) =>
  Effect.gen(function* () {
    const alice = yield* join(server, "alice", "rtt")
    const bob = yield* join(server, "bob", "rtt")
    yield* bob.packets.pipe(
      Stream.runForEach(({ packet }) =>
        packet.value.case === "user" ? bob.engine.sendData(Packet.user(packet.value.value.payload)) : Effect.void
      ),
      Effect.forkScoped
    )
    const sentAt: Array<number> = []
    const times: Array<number> = []
    const count = 300
    const receiving = yield* alice.packets.pipe(
      Stream.take(count),
      Stream.runForEach(({ packet }) =>
        Effect.map(now, (time) => {
          if (packet.value.case !== "user") return
          const { payload } = packet.value.value
          times.push(time - (sentAt[new DataView(payload.buffer, payload.byteOffset).getUint32(0)] ?? time))
        })
      ),
      Effect.forkScoped
    )
    for (let index = 0; index < count; index++) {
      const payload = new Uint8Array(1024)
      new DataView(payload.buffer).setUint32(0, index)
      sentAt.push(yield* now)
      yield* alice.engine.sendData(Packet.user(payload))
      yield* Effect.sleep(10)
    }
    yield* Fiber.join(receiving).pipe(Effect.timeoutOption(2_000))
    yield* report(
      "round trip of 1 KB at 100/s, 3 s",
      `p50 ${percentile(times, 0.5).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms, ${times.length}/${count} back`
    )
  }).pipe(Effect.scoped)

const throughput = (server: Server) =>
  Effect.gen(function* () {
    const alice = yield* join(server, "alice", "throughput")
    const bob = yield* join(server, "bob", "throughput")
    const size = 14 * 1024
    const count = Math.ceil((50 * 1024 * 1024) / size)
    const receiving = yield* bob.packets.pipe(Stream.take(count), Stream.runCount, Effect.forkScoped)
    const payload = new Uint8Array(size)
    const cpu = process.cpuUsage()
    const started = yield* now
    for (let index = 0; index < count; index++) yield* alice.engine.sendData(Packet.user(payload))
    const received = yield* Fiber.join(receiving).pipe(Effect.timeoutOption(60_000))
    const seconds = ((yield* now) - started) / 1000
    const used = process.cpuUsage(cpu)
    if (Option.isNone(received)) return yield* Effect.die("reliable packets were lost")
    yield* report(
      "reliable 50 MB in 14 KB packets",
      `${(50 / seconds).toFixed(1)} MB/s, ${((used.user + used.system) / 1000 / 50).toFixed(1)} CPU ms per MB (of this process)`
    )
  }).pipe(Effect.scoped)

const memory = (server: Server) =>
  Effect.gen(function* () {
    const sessions = 50
    globalThis.gc?.()
    const before = process.memoryUsage()
    for (let index = 0; index < sessions; index++) yield* join(server, `user-${index}`, `memory-${index}`)
    globalThis.gc?.()
    const after = process.memoryUsage()
    const perSession = (key: "rss" | "heapUsed") => ((after[key] - before[key]) / sessions / 1024).toFixed(0)
    yield* report(
      "memory per session at 50, with the server's side if it is in this process",
      `${perSession("rss")} kB resident, ${perSession("heapUsed")} kB heap`
    )
  }).pipe(Effect.scoped)

const resume = (server: Server) =>
  Effect.gen(function* () {
    const alice = yield* join(server, "alice", "resume")
    const times: Array<number> = []
    for (let round = 0; round < 10; round++) {
      yield* Effect.sleep(100)
      const started = yield* now
      yield* Target.cut
      yield* alice.events.pipe(
        Stream.filter(({ _tag }) => _tag === "Resumed"),
        Stream.runHead
      )
      times.push((yield* now) - started)
    }
    yield* report(
      "signal cut to resumed, 10 times",
      `median ${percentile(times, 0.5).toFixed(1)} ms, ${Math.min(...times).toFixed(1)} to ${Math.max(...times).toFixed(1)} ms`
    )
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  const server = yield* Target.make
  console.log(`on ${server.name}`)
  const parts = process.argv[2] === "resume" ? [resume] : [connect, roundTrip, throughput, memory]
  for (const part of parts) yield* part(server)
  console.table(rows)
})

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Target.layer)))
