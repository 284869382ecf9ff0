/**
 * Many bots over several processes with Effect Cluster: rooms scale on LiveKit's cluster, bots on Effect's. Runners share a
 * database; when one is killed, its bots rejoin from the others.
 *
 * LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name the server (`npx effect-livekit dev-server` prints them). Then, in as
 * many terminals as you like, with a port for each:
 *
 *     npm run example:fleet -- runner --port 34431
 *     npm run example:fleet -- enrol --bots 200
 */
import { NodeClusterSocket, NodeRuntime, NodeServices } from "@effect/platform-node"
import { Config, Effect, Layer, Option, Redacted } from "effect"
import { AccessToken } from "effect-livekit/dev-server"
import { NodeRTCEngine } from "effect-livekit/node"
import { Command, Flag } from "effect/cli"
import { RunnerAddress, type ShardingConfig } from "effect/cluster"
import * as Bot from "./fleet/Bot.ts"
import * as Sqlite from "./fleet/Sqlite.ts"

const rooms = Layer.effect(
  Bot.Rooms,
  Effect.gen(function* () {
    const url = yield* Config.String("LIVEKIT_URL")
    const apiKey = yield* Config.String("LIVEKIT_API_KEY")
    const apiSecret = Redacted.value(yield* Config.Redacted("LIVEKIT_API_SECRET"))
    return { url, token: (identity, room) => AccessToken.issue({ apiKey, apiSecret }, { identity, room }) }
  })
)

/**
 * A runner that is killed says nothing. Its shards are taken over when their locks, which it refreshed every second, are five
 * seconds old, which is looked for every second. A bot that is moved stops at once: its `Stay` would never come to an end, and is
 * otherwise waited for, 15 s in which it is nowhere.
 */
const timing = {
  shardLockRefreshInterval: "1 second",
  shardLockExpiration: "5 seconds",
  refreshAssignmentsInterval: "1 second",
  entityMessagePollInterval: "1 second",
  entityTerminationTimeout: "100 millis"
} satisfies Partial<ShardingConfig.ShardingConfig["Service"]>

const database = Flag.String("database").pipe(
  Flag.withDescription("file that all runners share"),
  Flag.withDefault("fleet.sqlite")
)

const runner = Command.make(
  "runner",
  { database, port: Flag.Int("port").pipe(Flag.withDescription("where other runners reach this one")) },
  ({ database, port }) =>
    Bot.layer.pipe(
      Layer.provide([rooms, NodeRTCEngine.layerServices]),
      Layer.provide(
        NodeClusterSocket.layer({
          shardingConfig: { ...timing, runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)) }
        })
      ),
      Layer.provide(Sqlite.layer(database)),
      Layer.launch
    )
).pipe(Command.withDescription("Runs its share of the bots"))

const enrol = Command.make(
  "enrol",
  {
    database,
    bots: Flag.Int("bots").pipe(Flag.withDescription("how many"), Flag.withDefault(200)),
    perRoom: Flag.Int("per-room").pipe(Flag.withDescription("bots in a room"), Flag.withDefault(25))
  },
  Effect.fnUntraced(
    function* ({ bots, perRoom }) {
      const client = yield* Bot.Bot.client
      yield* Effect.forEach(
        Array.from({ length: bots }, (_, index) => index),
        (index) => client(`bot-${index}`).Stay({ room: `room-${Math.floor(index / perRoom)}` }, { discard: true }),
        { concurrency: 20, discard: true }
      )
      yield* Effect.log(`${bots} bots are enrolled`)
    },
    (effect, { database }) =>
      effect.pipe(
        Effect.provide(
          NodeClusterSocket.layer({ clientOnly: true, shardingConfig: timing }).pipe(
            Layer.provide(Sqlite.layer(database))
          )
        )
      )
  )
).pipe(Command.withDescription("Asks for bots, once; they stay until they are removed from their rooms"))

Command.make("fleet").pipe(
  Command.withSubcommands([runner, enrol]),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
