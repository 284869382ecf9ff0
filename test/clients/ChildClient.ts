/**
 * A LiveKit client of another make, in a process of its own.
 */
import { Data as EffectData, Deferred, Effect, Queue } from "effect"
import { fork } from "node:child_process"
import type { Change, Data } from "./Client.ts"
import type { Command, Library, Report, Request } from "./protocol.ts"

export class ChildClientError extends EffectData.TaggedError("ChildClientError")<{ readonly message: string }> {}

export const make = Effect.fnUntraced(function* (library: Library) {
  const data = yield* Queue.unbounded<Data>()
  const changes = yield* Queue.unbounded<Change>()
  const waiting = new Map<number, Deferred.Deferred<void, ChildClientError>>()
  const ended = yield* Deferred.make<never, ChildClientError>()
  const output: Array<string> = []
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      fork("test/programs/otherClient.ts", [library], {
        execArgv: ["--conditions=@effect-livekit/source"],
        serialization: "advanced",
        stdio: ["ignore", "pipe", "pipe", "ipc"]
      })
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(String(chunk)))
  child.once("exit", (code, signal) => {
    const message = `the process of ${library} ended with ${code ?? signal}: ${output.join("")}`
    Deferred.doneUnsafe(ended, Effect.fail(new ChildClientError({ message })))
  })
  child.on("message", (report: Report) => {
    switch (report._tag) {
      case "Data":
        return void Queue.offerUnsafe(data, report.data)
      case "Change":
        return void Queue.offerUnsafe(changes, report.change)
      case "Done": {
        const done = waiting.get(report.id)
        waiting.delete(report.id)
        if (done === undefined) return
        return void Deferred.doneUnsafe(
          done,
          report.error === undefined ? Effect.void : Effect.fail(new ChildClientError({ message: report.error }))
        )
      }
    }
  })
  let lastId = 0
  const run = Effect.fnUntraced(function* (command: Command) {
    const id = ++lastId
    const done = yield* Deferred.make<void, ChildClientError>()
    waiting.set(id, done)
    child.send({ id, command } satisfies Request)
    yield* Effect.raceFirst(Deferred.await(done), Deferred.await(ended))
  })
  const orEnded = <A>(effect: Effect.Effect<A>) => Effect.raceFirst(effect, Deferred.await(ended))

  return {
    connect: (url: string, token: string) => run({ _tag: "Connect", url, token }),
    sendNumbers: (from: number, to: number, spacing = 0) => run({ _tag: "SendNumbers", from, to, spacing }),
    disconnect: run({ _tag: "Disconnect" }),
    /** The next number that it hears, and from whom. */
    hears: orEnded(Queue.take(data)).pipe(
      Effect.map(({ bytes, identity, topic }) => ({ number: Number(new TextDecoder().decode(bytes)), identity, topic }))
    ),
    /** Waits for the client to say so. */
    changed: (change: Change) =>
      Effect.repeat(orEnded(Queue.take(changes)), { until: (next) => next === change }).pipe(Effect.asVoid)
  }
})

export type ChildClient = Effect.Success<ReturnType<typeof make>>
