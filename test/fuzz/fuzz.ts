/**
 * Feeds the engine with random and mutated input. What comes of it is counted; a defect ends the run with what caused it.
 */
import { Cause, Duration, Effect, Exit, Layer, Logger, Option, Random, Redacted, Ref, Stream } from "effect"
import { HttpGet, RegionUrlProvider, Sdp, SignalUrl } from "effect-livekit"
import { TestRTCEngine, TestServer } from "effect-livekit/testing"
import * as SdpMunging from "../../src/SdpMunging.ts"
import { readFrame } from "../../src/internal/readFrame.ts"
import { VirtualRuntime } from "../simulator/VirtualRuntime.ts"
import { below, type Chance, choose, mutate, mutateText, noise } from "./mutate.ts"
import * as samples from "./samples.ts"

export type Outcomes = Record<string, number>

const counter = () => {
  const outcomes: Outcomes = {}
  return { outcomes, add: (what: string) => void (outcomes[what] = (outcomes[what] ?? 0) + 1) }
}

const chanceOf = (seed: string): Effect.Effect<Chance> =>
  Effect.map(Random.withSeed(Random.Random, seed), (random) => () => random.nextDoubleUnsafe())

const oneOf = (chance: Chance, all: ReadonlyArray<Uint8Array>) => all[below(chance, all.length)] ?? new Uint8Array()

/** Runs in virtual time, to its end. */
const runToEnd = <A, E>(effect: Effect.Effect<A, E>): A => {
  const { defects, exit, hung } = new VirtualRuntime().run(Effect.provide(effect, Logger.layer([])), {
    limit: Duration.days(3_650)
  })
  if (defects.length > 0) throw defects[0]
  if (exit === undefined) throw new Error(`it hung: ${hung}`)
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  return exit.value
}

/** Frames and packets, of which every hundred go to an engine that is connected. */
export const engine = (count: number, seed: string): Outcomes => {
  const { add, outcomes } = counter()
  const perConnection = 2_000
  const chunk = (number: number) =>
    Effect.gen(function* () {
      const chance = yield* chanceOf(`${seed} ${number}`)
      const server = yield* TestServer.TestServer
      const alice = yield* TestRTCEngine.make("alice")
      yield* alice.events.pipe(
        Stream.runForEach(({ _tag }) => Effect.sync(() => add(`event ${_tag}`))),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* alice.packets.pipe(
        Stream.runForEach(() => Effect.sync(() => add("packet received"))),
        Effect.forkScoped({ startImmediately: true })
      )
      const connectionMode = choose(chance, ["single", "dual"] as const)
      const ensureConnected = Effect.gen(function* () {
        while ((yield* alice.state) !== "Connected") {
          if ((yield* alice.state) === "Disconnected") {
            const token = yield* server.token({ identity: "alice", room: "room" })
            const connected = yield* Effect.result(alice.connect({ url: server.url, token, connectionMode }))
            if (connected._tag === "Failure") add(`connect failed: ${connected.failure.reason._tag}`)
          }
          yield* Effect.sleep("1 second")
        }
      })
      for (let done = 0; done < Math.min(perConnection, count - number * perConnection); done += 100) {
        yield* ensureConnected
        for (let each = 0; each < 100; each++) {
          const kind = below(chance, 10)
          if (kind < 6) yield* server.faults.sendRaw("alice", mutate(oneOf(chance, samples.frames), chance))
          else if (kind === 6) yield* server.faults.sendRaw("alice", mutateText("text", chance))
          else {
            const bytes = mutate(oneOf(chance, samples.packets), chance)
            yield* server.faults.sendRawData("alice", kind === 7 ? "lossy" : "reliable", bytes)
          }
        }
        yield* Effect.sleep("3 seconds")
      }
      yield* ensureConnected
      const { malformed, received } = yield* alice.counters
      add(malformed > 0 && received > 0 ? "connection that went on" : "connection that heard nothing")
      yield* alice.disconnect
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer()), Random.withSeed(`${seed} ${number}`))
  for (let number = 0; number * perConnection < count; number++) runToEnd(chunk(number))
  return outcomes
}

/** Session descriptions, through everything that reads them. */
export const descriptions = (count: number, seed: string): Outcomes => {
  const { add, outcomes } = counter()
  const chance = runToEnd(chanceOf(seed))
  for (let done = 0; done < count; done++) {
    const sdp = mutateText(samples.sdp, chance)
    const limit = Sdp.maxMessageSize(sdp)
    if (!(limit >= 0)) throw new Error(`a limit of ${limit} was read`)
    const sections = Sdp.sections(sdp)
    SdpMunging.answer(sdp, samples.sdp)
    SdpMunging.answer(samples.sdp, sdp)
    add(`${sections.length} sections ${Sdp.hasDataChannels(sdp) ? "and channels" : ""}`.trim())
  }
  return outcomes
}

/** Bytes that are a frame or not. */
export const rawFrames = (count: number, seed: string): Outcomes => {
  const { add, outcomes } = counter()
  const chance = runToEnd(chanceOf(seed))
  for (let done = 0; done < count; done++) {
    const bytes =
      below(chance, 3) === 0 ? noise(below(chance, 300), chance) : mutate(oneOf(chance, samples.frames), chance)
    add(readFrame(bytes)._tag)
  }
  return outcomes
}

/** What a region endpoint may answer. */
export const regions = (count: number, seed: string): Outcomes => {
  const { add, outcomes } = counter()
  const program = Effect.gen(function* () {
    const chance = yield* chanceOf(seed)
    const body = yield* Ref.make<HttpGet.HttpAnswer>({ status: 200, body: "", cacheControl: undefined })
    const provider = yield* RegionUrlProvider.make({ hosts: "any" }).pipe(
      Effect.provideService(HttpGet.HttpGet, () => Ref.get(body))
    )
    for (let done = 0; done < count; done++) {
      yield* Ref.set(body, {
        status: choose(chance, [200, 200, 200, 204, 401, 404, 500]),
        body: mutateText(samples.regions, chance),
        cacheControl: choose(chance, [
          undefined,
          "max-age=1",
          "max-age=99999999999999999999",
          mutateText("max-age=5", chance)
        ])
      })
      // Each is another host, of which nothing is known yet.
      const url = `wss://host${done % 64}.test`
      const next = yield* Effect.result(provider.next({ url, token: Redacted.make("token"), attempted: new Set() }))
      add(
        next._tag === "Failure"
          ? `error ${next.failure.reason._tag}`
          : Option.isNone(next.success)
            ? "no region"
            : "a region"
      )
      if (next._tag === "Success" && Option.isSome(next.success)) add(SignalUrl.parse(next.success.value)._tag)
      yield* Effect.sleep("1 minute")
    }
  })
  runToEnd(Effect.provide(program, Layer.empty))
  return outcomes
}
