import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"

/** The exit code as a shell sees it: a crash while the process winds down is in no JavaScript event. */
const run = (program: string, ...args: ReadonlyArray<string>) => {
  const { signal, status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--conditions=@effect-livekit/source", `test/programs/${program}.ts`, ...args],
    { encoding: "utf8", timeout: 110_000 }
  )
  return { signal, status, output: stdout + stderr }
}
const clean = { signal: null, status: 0, output: "done\n" }

describe("a process that used wrtc", () => {
  for (const runtime of ["node-datachannel", "wrtc"]) {
    it(`ends by itself with 0 after sessions in turn and at once, on a server with ${runtime}`, () => {
      assert.deepStrictEqual(run("wrtcSessions", "5", "5", runtime), clean)
    }, 120_000)
  }

  it("ends by itself with 0 after 60 sessions", () => {
    assert.deepStrictEqual(run("wrtcSessions", "60", "0"), clean)
  }, 120_000)

  it("ends by itself with 0 after audio and video", () => {
    assert.deepStrictEqual(run("mediaSessions", "wrtc", "2", "2"), clean)
  }, 120_000)

  it("passes its exit code on, says why an error ends it, and lets other listeners go on", () => {
    const { output, status } = run("wrtcExit", "code")
    assert.deepStrictEqual({ output, status }, { output: "first\nsecond\nexit 7\n", status: 7 })
    const failed = run("wrtcExit", "throw")
    assert.strictEqual(failed.status, 1)
    assert.include(failed.output, "Error: thrown late")
  }, 120_000)
})
