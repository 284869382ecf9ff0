/**
 * The example of a fleet, in processes of its own, on the development server.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const bots = 200
const perRoom = 25
const rooms = Array.from({ length: bots / perRoom }, (_, index) => `room-${index}`)

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fleet-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const ended = (child: ChildProcess) =>
  Effect.callback<number | null>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.succeed(child.exitCode))
    child.once("exit", (code) => resume(Effect.succeed(code)))
  })

const kill = (child: ChildProcess) =>
  Effect.andThen(
    Effect.sync(() => child.kill("SIGKILL")),
    ended(child)
  )

/** The example with its arguments; what it writes is shown if the test fails. */
const fleet = (env: NodeJS.ProcessEnv, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, ["--conditions=@effect-livekit/source", "examples/fleet.ts", ...args], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      const output: Array<string> = []
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(String(chunk)))
      return { child, output }
    }),
    ({ child }) => kill(child)
  )

/** A participant in each room who asks all bots there in which process they run. */
const makeAsker = Effect.fnUntraced(function* (server: DevServer.DevServer["Service"]) {
  const answers = new Map<string, Array<number>>()
  const engines = yield* Effect.forEach(
    rooms,
    Effect.fnUntraced(function* (room) {
      const engine = yield* RTCEngine.make
      const packets = yield* engine.subscribePackets
      yield* Stream.fromSubscription(packets).pipe(
        Stream.runForEach(({ packet: { participantIdentity, value } }) =>
          Effect.sync(() => {
            if (value.case !== "user" || value.value.topic !== "here") return
            const pid = Number(new TextDecoder().decode(value.value.payload))
            answers.set(participantIdentity, [...(answers.get(participantIdentity) ?? []), pid])
          })
        ),
        Effect.forkScoped
      )
      yield* engine.connect({ url: server.url, token: yield* server.token({ identity: "asker", room }) })
      return engine
    })
  )
  /** Who answers within a second, and all answers of each. */
  const ask = Effect.gen(function* () {
    answers.clear()
    yield* Effect.forEach(engines, (engine) => engine.sendData(Packet.user("", { topic: "where" })))
    yield* Effect.sleep("1 second")
    return new Map(answers)
  })
  return { ask }
})

const everybody = Array.from({ length: bots }, (_, index) => `bot-${index}`).toSorted()

it.live(
  "has 200 bots of a runner that was killed back in their rooms, from the other runner, each once",
  () =>
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const database = join(yield* temporaryDirectory, "fleet.sqlite")
      const env = { LIVEKIT_URL: server.url, LIVEKIT_API_KEY: server.apiKey, LIVEKIT_API_SECRET: server.apiSecret }
      const runner = Effect.fnUntraced(function* () {
        return yield* fleet(env, "runner", "--port", String(yield* freePort), "--database", database)
      })
      const doomed = yield* runner()
      const survivor = yield* runner()
      const { ask } = yield* makeAsker(server)
      /** Asks until every bot answers, once, and as expected. */
      const untilAll = (isRight: (pid: number | undefined) => boolean) =>
        ask.pipe(
          Effect.filterOrFail(
            (answers) =>
              answers.size === bots && [...answers.values()].every((pids) => pids.length === 1 && isRight(pids[0])),
            (answers) => [...answers].map(([bot, pids]) => `${bot}: ${pids}`)
          ),
          Effect.retry(Schedule.spaced("100 millis")),
          Effect.timeout("40 seconds"),
          Effect.tapCause(() => Effect.log(`killed: ${doomed.output.join("")}\nsurvivor: ${survivor.output.join("")}`))
        )

      const enrol = yield* fleet(env, "enrol", "--database", database, "--per-room", String(perRoom))
      assert.strictEqual(yield* ended(enrol.child), 0, enrol.output.join(""))
      const before = yield* untilAll(() => true)
      const moved = [...before].filter(([, [pid]]) => pid === doomed.child.pid)
      assert.isAbove(moved.length, bots / 4)
      assert.isBelow(moved.length, (bots * 3) / 4)

      yield* kill(doomed.child)
      yield* untilAll((pid) => pid === survivor.child.pid)
      const there = yield* Effect.forEach(rooms, server.participants)
      assert.deepStrictEqual(
        there
          .flat()
          .filter((identity) => identity !== "asker")
          .toSorted(),
        everybody
      )
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer))),
  120_000
)
