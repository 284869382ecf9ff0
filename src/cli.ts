#!/usr/bin/env node
/**
 * `npx effect-livekit dev-server`
 */
import { parseArgs } from "node:util"

const usage = `effect-livekit dev-server [--port N] [--api-key KEY] [--api-secret SECRET] [--room NAME]

Starts a LiveKit-compatible room server on loopback, for development and tests.`

const fail = (message: string) => {
  process.stderr.write(`effect-livekit: ${message}\n`)
  process.exitCode = 1
}

const parse = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        port: { type: "string" },
        "api-key": { type: "string" },
        "api-secret": { type: "string" },
        room: { type: "string" },
        help: { type: "boolean" }
      }
    })
  } catch (cause) {
    fail(`${cause instanceof Error ? cause.message : String(cause)} (see --help)`)
    return undefined
  }
}

const main = async () => {
  const parsed = parse()
  if (parsed === undefined) return
  const { positionals, values } = parsed
  if (values.help === true || positionals.length === 0) return void process.stdout.write(`${usage}\n`)
  if (positionals.length > 1 || positionals[0] !== "dev-server") {
    return fail(`there is no command "${positionals.join(" ")}" (see --help)`)
  }
  const port = Number(values.port ?? 7880)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return fail(`"${values.port}" is not a port`)
  const command = await import("./dev-server/command.ts").catch((cause: unknown) => {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"
    if (!isMissing) throw cause
    return undefined
  })
  if (command === undefined) return fail("the dev server needs: npm install ws livekit-server-sdk node-datachannel")
  command.run({ port, apiKey: values["api-key"], apiSecret: values["api-secret"], room: values.room ?? "demo" }, fail)
}

await main()
