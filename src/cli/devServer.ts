/**
 * `effect-livekit dev-server`: says how to reach it, and stops on Ctrl-C.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as DevServer from "../dev-server/DevServer.ts"
import * as NodeDataChannel from "../node/NodeDataChannel.ts"
import { failed } from "./CommandFailed.ts"

export interface DevServerFlags {
  readonly port: number
  readonly apiKey: Option.Option<string>
  readonly apiSecret: Option.Option<Redacted.Redacted<string>>
  readonly room: string
}

export const devServer = Effect.fnUntraced(
  function* ({ apiKey, apiSecret, port, room }: DevServerFlags) {
    const server = yield* DevServer.make({
      port,
      apiKey: Option.getOrUndefined(apiKey),
      apiSecret: Option.getOrUndefined(Option.map(apiSecret, Redacted.value))
    }).pipe(Effect.mapError(({ message }) => failed(message)))
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
  },
  Effect.scoped,
  Effect.provide(NodeDataChannel.layer)
)
