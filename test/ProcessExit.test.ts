import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"

const run = (program: string, ...args: ReadonlyArray<string>) =>
  spawnSync(
    process.execPath,
    ["--conditions=@effect-livekit/source", new URL(`./programs/${program}.ts`, import.meta.url).pathname, ...args],
    { encoding: "utf8", timeout: 55_000 }
  )
const clean = { status: 0, stdout: "done\n", stderr: "" }

describe("a process that used node-datachannel", () => {
  it("ends by itself with 0 after many sessions", () => {
    assert.deepInclude(run("manySessions"), clean)
  }, 60_000)

  it("ends by itself with 0 after sessions with audio and video", () => {
    assert.deepInclude(run("mediaSessions", "node-datachannel", "4"), clean)
  }, 60_000)
})
