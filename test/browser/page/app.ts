/**
 * The program in the pages of the tests: what an application does with an engine, at the command of the test.
 */
import { Effect, Fiber, Redacted, Stream } from "effect"
import { type EngineEvent, Packet, RTCEngine } from "effect-livekit"
import { BrowserRTCEngine } from "effect-livekit/browser"

import type { Result } from "./worker.ts"

const decoder = new TextDecoder()

/** A component of a page that is mounted and unmounted: the session lives as long as it does. */
const mount = (url: string, token: string) => {
  const received: Array<string> = []
  const events: Array<EngineEvent.EngineEvent["_tag"]> = []
  const commands: { send?: (text: string) => Promise<void> } = {}
  const program = Effect.gen(function* () {
    const engine = yield* RTCEngine.RTCEngine
    commands.send = (text) => Effect.runPromise(engine.sendData(Packet.user(text)))
    yield* engine.events.pipe(
      Stream.runForEach(({ _tag }) => Effect.sync(() => events.push(_tag))),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* engine.packets.pipe(
      Stream.runForEach(({ packet: { value } }) =>
        Effect.sync(() => value.case === "user" && received.push(decoder.decode(value.value.payload)))
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* engine.connect({ url, token: Redacted.make(token) })
    return yield* engine.disconnected
  }).pipe(Effect.scoped, Effect.provide(BrowserRTCEngine.layer))
  const fiber = Effect.runFork(program)
  return {
    events,
    received,
    send: (text: string) => commands.send?.(text),
    unmount: () => Effect.runPromise(Fiber.interrupt(fiber))
  }
}

const app = {
  /** What a worker says that is given a server and a token. */
  inWorker: (url: string, token: string) =>
    new Promise<Result | string>((resolve, reject) => {
      const worker = new Worker("/worker.js", { type: "module" })
      worker.addEventListener("message", ({ data }) => resolve(data))
      worker.addEventListener("error", ({ message }) => reject(new Error(message)))
      worker.postMessage([url, token], [])
    }),
  mount,
  /** The component that is mounted now. */
  mounted: undefined as ReturnType<typeof mount> | undefined,
  /** Milliseconds of the longest pause between two of the timers that {@link watchPauses} started. */
  longestPause: 0,
  watchPauses: () => {
    let last = performance.now()
    setInterval(() => {
      const now = performance.now()
      app.longestPause = Math.max(app.longestPause, now - last)
      last = now
    }, 50)
  },
  /** Connects and disconnects, a number of times. */
  cycle: (url: string, token: string, times: number) =>
    Effect.gen(function* () {
      const engine = yield* RTCEngine.make
      yield* engine.connect({ url, token: Redacted.make(token) })
      yield* engine.sendData(Packet.user("here"))
    }).pipe(
      Effect.scoped,
      Effect.repeat({ times: times - 1 }),
      Effect.provide(BrowserRTCEngine.layerServices),
      Effect.runPromise
    )
}

export type App = typeof app

Object.assign(globalThis, { app })
