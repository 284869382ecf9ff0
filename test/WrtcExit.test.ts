import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"

/** The exit code as a shell sees it: a crash while the process winds down is in no JavaScript event. */
const run = (...args: ReadonlyArray<string>) => {
  const { signal, status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--conditions=@effect-livekit/source", "test/programs/wrtcSessions.ts", ...args],
    { encoding: "utf8", timeout: 25_000 }
  )
  return { signal, status, output: stdout + stderr }
}

describe("a process that used wrtc", () => {
  for (const runtime of ["node-datachannel", "wrtc"]) {
    it(`ends by itself with 0 after sessions in turn and at once, on a server with ${runtime}`, () => {
      assert.deepStrictEqual(run("5", runtime), { signal: null, status: 0, output: "done\n" })
    })
  }
})
