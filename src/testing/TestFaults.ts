/**
 * Troubles of the server of a test, and which of its hosts answer.
 */
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import type * as RoomFaults from "../room/Faults.ts"
import type { RestartableRooms } from "../room/RestartableRooms.ts"
import type { Recorder } from "./History.ts"

/**
 * Troubles of the whole server, and of single participants.
 *
 * @example
 * ```ts
 * import { TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const { faults } = yield* TestServer.TestServer
 *   yield* TestRTCEngine.join("alice")
 *   yield* faults.stallSignal("alice")
 *   yield* faults.rejectNextDial(503, "node has exceeded its configured limit")
 *   yield* faults.stop
 *   yield* VirtualTime.elapse("5 seconds")
 *   yield* faults.start
 * }).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
 * ```
 *
 * @category models
 */
export interface Faults extends RoomFaults.Faults {
  /**
   * Answers no dial from now on: the port is closed, the sessions and their media live on.
   */
  readonly refuseDials: Effect.Effect<void>
  /** Ends {@link refuseDials}, and {@link closeHost} for every host. */
  readonly acceptDials: Effect.Effect<void>
  /** Answers no dial at the host of this URL. */
  readonly closeHost: (url: string) => Effect.Effect<void>
  /** Ends the server and all sessions, without a word. */
  readonly stop: Effect.Effect<void>
  /** Starts an empty server in its place. */
  readonly start: Effect.Effect<void>
}

/** Engines ask for regions at LiveKit Cloud only, so a server with regions has to be there. */
export const addresses = (regions: ReadonlyArray<string>) => {
  const host = "test.livekit.cloud"
  return regions.length === 0
    ? { url: "ws://livekit.test", regions: [] }
    : { url: `wss://${host}`, regions: regions.map((region) => `wss://${region}.${host}`) }
}

/** At first all of these URLs answer, and nothing else does. */
export const make = Effect.fnUntraced(function* (
  rooms: RestartableRooms,
  urls: ReadonlyArray<string>,
  history: Recorder
): Effect.fn.Return<{
  readonly faults: Faults
  readonly isReachable: (url: URL) => Effect.Effect<boolean>
}> {
  const hostOf = (url: string) => new URL(url).host
  const hosts = new Set(urls.map(hostOf))
  const isListening = yield* Ref.make(true)
  const closed = yield* Ref.make<ReadonlySet<string>>(new Set())
  const tell = (what: string) => Effect.sync(() => history.record("server", what))
  return {
    isReachable: Effect.fnUntraced(function* ({ host }) {
      return (yield* Ref.get(isListening)) && hosts.has(host) && !(yield* Ref.get(closed)).has(host)
    }),
    faults: {
      ...rooms.faults,
      refuseDials: Effect.andThen(tell("closes its port"), Ref.set(isListening, false)),
      acceptDials: tell("opens its port").pipe(
        Effect.andThen(Ref.set(isListening, true)),
        Effect.andThen(Ref.set(closed, new Set()))
      ),
      closeHost: (url) =>
        Effect.andThen(
          tell(`closes ${hostOf(url)}`),
          Ref.update(closed, (all) => new Set([...all, hostOf(url)]))
        ),
      stop: Effect.andThen(Ref.set(isListening, false), rooms.stop),
      start: Effect.andThen(rooms.start, Ref.set(isListening, true))
    }
  }
})
