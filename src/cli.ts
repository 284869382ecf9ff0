#!/usr/bin/env node
/**
 * `npx effect-livekit`: the commands. Each loads what it needs when it runs, so that none needs the packages of another.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { readFileSync } from "node:fs"
import * as Environment from "./cli/Environment.ts"
import { optional } from "./cli/optional.ts"
import * as target from "./cli/target.ts"
import { oneLine } from "./internal/redact.ts"

const forServer = ["livekit-server-sdk", "node-datachannel"]

/** Of commands that run until they are stopped: that is then no failure. */
const untilStopped = Effect.onInterrupt(() => Effect.sync(() => void (process.exitCode = 0)))

const devServer = Command.make(
  "dev-server",
  {
    port: Flag.Int("port").pipe(
      Flag.withDescription("port to listen on, default 7880; 0 takes a free one"),
      Flag.filter(
        (port) => port >= 0 && port <= 65_535,
        () => "a port from 0 to 65535"
      ),
      Flag.withDefault(7880)
    ),
    apiKey: Flag.String("api-key").pipe(Flag.withDescription("default devkey"), Flag.optional),
    apiSecret: Flag.Redacted("api-secret").pipe(Flag.withDescription("default a fixed one"), Flag.optional),
    room: Flag.String("room").pipe(
      Flag.withDescription("room of the tokens it prints, default demo"),
      Flag.withDefault("demo")
    )
  },
  (flags) =>
    Effect.flatMap(
      optional(() => import("./cli/devServer.ts"), forServer),
      (command) => command.devServer(flags)
    ).pipe(untilStopped)
).pipe(Command.withDescription("Starts a LiveKit-compatible room server on loopback, for development and tests"))

const demo = Command.make(
  "demo",
  { media: Flag.Boolean("media").pipe(Flag.withDescription("with audio and video"), Flag.withDefault(false)) },
  (flags) =>
    Effect.flatMap(
      Effect.promise(() => import("./cli/demo.ts")),
      (command) => command.demo(flags)
    )
).pipe(Command.withDescription("Two participants meet, one is cut off, and nothing is lost"))

const join = Command.make(
  "join",
  {
    url: target.url,
    ...target.credentials,
    room: Flag.String("room").pipe(
      Flag.withDescription("room, when there is no token; default demo"),
      Flag.withDefault("demo")
    ),
    identity: Flag.String("identity").pipe(
      Flag.withDescription("who you are, when there is no token; default terminal"),
      Flag.withDefault("terminal")
    ),
    topic: Flag.String("topic").pipe(
      Flag.withDescription("topic of what you send, default chat"),
      Flag.withDefault("chat")
    )
  },
  (flags) =>
    Effect.flatMap(
      optional(() => import("./cli/join.ts"), ["node-datachannel"]),
      (command) => command.join(flags)
    ).pipe(untilStopped)
).pipe(Command.withDescription("Joins a room from the terminal: see who is there, send and receive"))

const doctor = Command.make(
  "doctor",
  {
    url: target.url,
    ...target.credentials,
    json: Flag.Boolean("json").pipe(Flag.withDescription("prints the findings as JSON"), Flag.withDefault(false))
  },
  (flags) =>
    Effect.flatMap(
      Effect.promise(() => import("./cli/doctor.ts")),
      (command) => command.doctor(flags)
    )
).pipe(
  Command.withDescription(
    "Says what works between here and a server, and what does not. Leaves with 0 when all is well, 2 when something is not"
  )
)

const timeline = Command.make(
  "timeline",
  {
    file: Argument.String("file").pipe(Argument.withDescription("a recording of FlightRecorder")),
    output: Flag.String("output").pipe(Flag.withDescription("default FILE.html"), Flag.optional)
  },
  (flags) =>
    Effect.flatMap(
      Effect.promise(() => import("./cli/timeline.ts")),
      (command) => command.timeline(flags)
    )
).pipe(Command.withDescription("Renders the recording of an engine as a page"))

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))

const main = Command.make("effect-livekit").pipe(
  Command.withDescription("The LiveKit client engine for Effect, from the terminal"),
  Command.withSubcommands([devServer, demo, join, doctor, timeline]),
  Command.run({ version: String(version) }),
  Effect.provide(Environment.layer)
)

const fiber = Effect.runFork(main)
const stop = (_: NodeJS.Signals, signal: number) => {
  // What was asked for has not been done.
  process.exitCode = 128 + signal
  Effect.runFork(Fiber.interrupt(fiber))
}
process.once("SIGINT", stop)
process.once("SIGTERM", stop)
fiber.addObserver((exit) => {
  process.off("SIGINT", stop)
  process.off("SIGTERM", stop)
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return
  const error = Cause.squash(exit.cause)
  if (Predicate.isTagged(error, "ShowHelp")) {
    process.exitCode =
      Predicate.hasProperty(error, "errors") && Array.isArray(error.errors) && error.errors.length > 0 ? 1 : 0
    return
  }
  process.exitCode = Predicate.hasProperty(error, "exitCode") && error.exitCode === 2 ? 2 : 1
  const message = error instanceof Error ? error.message : String(error)
  if (message !== "") process.stderr.write(`effect-livekit: ${oneLine(message)}\n`)
})
