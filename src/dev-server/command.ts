/**
 * The dev server as a command: says how to reach it, and stops on Ctrl-C.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as NodeDataChannel from "../node/NodeDataChannel.ts"
import * as DevServer from "./DevServer.ts"

/**
 * @category models
 */
export interface CommandOptions {
  readonly port: number
  readonly apiKey: string | undefined
  readonly apiSecret: string | undefined
  readonly room: string
}

const serve = Effect.fnUntraced(function* ({ apiKey, apiSecret, port, room }: CommandOptions) {
  const server = yield* DevServer.make({ port, apiKey, apiSecret })
  const lines = [
    `LIVEKIT_URL=${server.url}`,
    `LIVEKIT_API_KEY=${server.apiKey}`,
    `LIVEKIT_API_SECRET=${server.apiSecret}`
  ]
  for (const identity of ["alice", "bob"]) {
    // Printing tokens is what this command is for: they are for this machine, and last a day.
    const token = yield* server.token({ identity, room, ttl: 86_400 })
    lines.push("", `token of ${identity} for room ${room}:`, Redacted.value(token))
  }
  yield* Effect.sync(() => process.stdout.write(`${lines.join("\n")}\n\nCtrl-C stops the server.\n`))
  return yield* Effect.never
})

/**
 * Runs until Ctrl-C or SIGTERM.
 */
export const run = (options: CommandOptions, fail: (message: string) => void): void => {
  const fiber = Effect.runFork(serve(options).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer)))
  const stop = () => void Effect.runFork(Fiber.interrupt(fiber))
  process.once("SIGINT", stop)
  process.once("SIGTERM", stop)
  fiber.addObserver((exit) => {
    process.off("SIGINT", stop)
    process.off("SIGTERM", stop)
    if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
    const error = Cause.squash(exit.cause)
    fail(error instanceof Error ? error.message : String(error))
  })
}
