import { assert, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"

it("lets the process end by itself, with code 0, after many sessions", () => {
  const run = spawnSync(
    process.execPath,
    ["--conditions=@effect-livekit/source", new URL("./programs/manySessions.ts", import.meta.url).pathname],
    { encoding: "utf8", timeout: 25_000 }
  )
  assert.deepInclude(run, { status: 0, stdout: "done\n", stderr: "" })
})
