/**
 * `npm run leaks`: connects, fails and disconnects over and over, in memory and over real sockets and WebRTC, and shows what is
 * retained. `--cycles` in memory (default 10,000), `--sessions` on the development server (default 300).
 */
import { Duration, Effect, Exit, Fiber, Layer, Logger, Random, Redacted } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { TestRTCEngine, TestServer } from "effect-livekit/testing"
import { existsSync, readdirSync } from "node:fs"
import { parseArgs } from "node:util"
import { VirtualRuntime } from "../test/simulator/VirtualRuntime.ts"

const { values } = parseArgs({
  options: { cycles: { type: "string", default: "10000" }, sessions: { type: "string", default: "300" } }
})

interface Sample {
  readonly cycle: number
  readonly heap: number
  readonly files: number | undefined
  readonly threads: number | undefined
}

const count = (directory: string) => (existsSync(directory) ? readdirSync(directory).length : undefined)
const sample = (cycle: number): Sample => {
  globalThis.gc?.()
  globalThis.gc?.()
  const heap = process.memoryUsage().heapUsed
  return { cycle, heap, files: count("/proc/self/fd"), threads: count("/proc/self/task") }
}

/** At the beginning, after a tenth, which fills caches, and so on. */
const isDue = (cycle: number, cycles: number) => cycle % Math.max(1, Math.floor(cycles / 10)) === 0

/** Cycles of one server: a server for tests remembers every packet and token, and is begun anew now and then. */
const perServer = 250

const inMemory = (cycles: number) => {
  const samples = [sample(0)]
  for (let done = 0; done < cycles; done += perServer) {
    runInMemory(done, Math.min(cycles, done + perServer))
    if (isDue(done + perServer, cycles)) samples.push(sample(Math.min(cycles, done + perServer)))
  }
  return samples
}

const runInMemory = (from: number, to: number) => {
  const program = Effect.gen(function* () {
    const server = yield* TestServer.TestServer
    const token = yield* server.token({ identity: "alice", room: "room", ttl: 365 * 24 * 3_600 })
    const staying = yield* TestRTCEngine.make("alice")
    /** Of an engine that stays, and of one that is made for it alone. */
    const cycle = (number: number) =>
      Effect.gen(function* () {
        const engine = number % 2 === 0 ? staying : yield* TestRTCEngine.make("alice")
        const connect = engine.connect({ url: server.url, token, connectionMode: number % 3 === 0 ? "dual" : "single" })
        switch (number % 5) {
          case 0:
            yield* server.faults.rejectNextDial(503, "full")
            yield* Effect.flip(connect)
            return
          case 1: {
            const connecting = yield* Effect.forkChild(Effect.scoped(connect), { startImmediately: true })
            yield* Effect.yieldNow
            return yield* Fiber.interrupt(connecting)
          }
          case 2:
            yield* connect
            yield* server.faults.dropSignal("alice")
            return yield* Effect.sleep("2 seconds")
          case 3:
            yield* connect
            yield* server.faults.stop
            yield* Effect.sleep("1 second")
            yield* server.faults.start
            return yield* Effect.sleep("10 seconds")
          default:
            yield* connect
            yield* engine.sendData(Packet.user("hello"))
            return yield* engine.disconnect
        }
      }).pipe(Effect.scoped)
    for (let number = from; number < to; number++) {
      yield* cycle(number)
      yield* Effect.sleep("1 minute")
    }
  })
  const { defects, exit, left } = new VirtualRuntime().run(
    program.pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(TestServer.layer(), Logger.layer([]))),
      Random.withSeed("leaks")
    ),
    { limit: Duration.days(365) }
  )
  if (exit === undefined || Exit.isFailure(exit) || defects.length > 0)
    throw new Error(`a cycle failed: ${exit} ${defects}`)
  if (left.fibers + left.timers > 0) throw new Error(`left: ${left.fibers} fibers, ${left.timers} timers`)
}

const onDevServer = (sessions: number) =>
  Effect.gen(function* () {
    const samples: Array<Sample> = []
    const server = yield* DevServer.make()
    const token = yield* server.token({ identity: "alice", room: "room", ttl: 3_600 })
    const cycle = (number: number) =>
      Effect.gen(function* () {
        const engine = yield* RTCEngine.make
        const connect = engine.connect({ url: server.url, token })
        switch (number % 4) {
          case 0:
            return yield* Effect.flip(engine.connect({ url: server.url, token: Redacted.make("no token") }))
          case 1:
            return yield* Effect.timeoutOption(connect, 5 + (number % 20))
          case 2:
            yield* connect
            yield* server.faults.dropSignal("alice")
            return yield* engine.sendData(Packet.user("hello"))
          default:
            yield* connect
            yield* engine.sendData(Packet.user("hello"))
            return yield* engine.disconnect
        }
      }).pipe(Effect.scoped)
    for (let number = 0; number <= sessions; number++) {
      if (isDue(number, sessions)) {
        // The server still closes what the last one left.
        yield* Effect.sleep("1 second")
        samples.push(sample(number))
      }
      yield* cycle(number)
    }
    return samples
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(NodeRTCEngine.layerServices, NodeDataChannel.layer, Logger.layer([])))
  )

const megabytes = (bytes: number) => Number((bytes / 1024 / 1024).toFixed(1))

/** What may come on top between the second sample and the last: bytes for all cycles, files and threads. */
const allowed = { heap: 6 * 1024 * 1024, files: 8, threads: 8 }

const report = (title: string, samples: ReadonlyArray<Sample>) => {
  console.log(title)
  console.table(samples.map(({ heap, ...rest }) => ({ ...rest, "heap MB": megabytes(heap) })))
  const [, early] = samples
  const late = samples.at(-1)
  if (early === undefined || late === undefined) return
  for (const key of ["heap", "files", "threads"] as const) {
    const grown = (late[key] ?? 0) - (early[key] ?? 0)
    if (grown <= allowed[key]) continue
    console.log(`${key} grew by ${key === "heap" ? `${megabytes(grown)} MB` : grown}`)
    process.exitCode = 1
  }
}

const cycles = Number(values.cycles)
const sessions = Number(values.sessions)
if (cycles > 0) report(`${cycles} cycles in memory`, inMemory(cycles))
if (sessions > 0) {
  report(
    `${sessions} cycles on the development server, with real WebRTC`,
    await Effect.runPromise(onDevServer(sessions))
  )
}
