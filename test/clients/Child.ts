/**
 * A program in a process of its own, that answers requests. Native clients crash at times, and some need globals that nobody else
 * should see.
 */
import { Data, Deferred, Effect } from "effect"
import { fork } from "node:child_process"

export class ChildError extends Data.TaggedError("ChildError")<{ readonly message: string }> {}

/** An answer to the request of that id; any other message is an event. */
export interface Answer {
  readonly id: number
  readonly error: string | undefined
}

export interface Child<Request, Response> {
  readonly ask: (request: Request) => Effect.Effect<Response, ChildError>
  /** Fails when the process has ended, with what it wrote. */
  readonly ended: Effect.Effect<never, ChildError>
}

export const make = Effect.fnUntraced(function* <Request, Response extends Answer, Event = never>(
  program: string,
  args: ReadonlyArray<string>,
  options: { readonly onEvent?: (event: Event) => void; readonly nodeOptions?: ReadonlyArray<string> } = {}
) {
  const waiting = new Map<number, Deferred.Deferred<Response, ChildError>>()
  const ended = yield* Deferred.make<never, ChildError>()
  const output: Array<string> = []
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      fork(program, args, {
        execArgv: ["--conditions=@effect-livekit/source", ...(options.nodeOptions ?? [])],
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
    const message = `${program} ${args.join(" ")} ended with ${code ?? signal}: ${output.join("")}`
    Deferred.doneUnsafe(ended, Effect.fail(new ChildError({ message })))
  })
  child.on("message", (message: Response | Event) => {
    if (!isAnswer(message)) return options.onEvent?.(message)
    const done = waiting.get(message.id)
    waiting.delete(message.id)
    if (done === undefined) return undefined
    const { error } = message
    return void Deferred.doneUnsafe(
      done,
      error === undefined ? Effect.succeed(message) : Effect.fail(new ChildError({ message: error }))
    )
  })
  const self = { lastId: 0 }
  const child_: Child<Request, Response> = {
    ended: Deferred.await(ended),
    ask: Effect.fnUntraced(function* (request: Request) {
      const id = ++self.lastId
      const done = yield* Deferred.make<Response, ChildError>()
      waiting.set(id, done)
      child.send({ id, request })
      return yield* Effect.raceFirst(Deferred.await(done), Deferred.await(ended))
    })
  }
  return child_
})

const isAnswer = <Response extends Answer, Event>(message: Response | Event): message is Response =>
  typeof message === "object" && message !== null && "id" in message
