/** Runs the Effect diagnostics and fails if they found something, or looked at no file. */
import { spawnSync } from "node:child_process"

const { status, stderr, stdout } = spawnSync(
  "effect-tsgo",
  ["diagnostics", "--project", "tsconfig.json", "--format", "text"],
  { encoding: "utf8" }
)
process.stdout.write(stdout)
process.stderr.write(stderr)
const checked = Number(/Checked (\d+)/.exec(stdout)?.[1] ?? 0)
if (checked === 0) console.error("the Effect diagnostics looked at no file")
process.exit(status === 0 && checked > 0 ? 0 : 1)
