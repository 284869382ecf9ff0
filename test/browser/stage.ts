/**
 * What stands beside the tests in a browser: a process that starts servers for them.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    /** The base URL of the controls. */
    readonly controls: string
    /** The server that the variables name; null without them. */
    readonly existing: string | null
  }
}

export default async (project: TestProject) => {
  const child = spawn(process.execPath, ["--conditions=@effect-livekit/source", "test/programs/controls.ts"], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const [address] = await once(child.stdout.setEncoding("utf8"), "data")
  const { LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_URL } = process.env
  project.provide("controls", String(address).trim())
  project.provide("existing", LIVEKIT_URL && LIVEKIT_API_KEY && LIVEKIT_API_SECRET ? LIVEKIT_URL : null)
  return async () => {
    child.stdin.end()
    await once(child, "exit")
  }
}
