/** Packs the library, installs it into an empty project, and runs the README's first example from there. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const project = mkdtempSync(join(tmpdir(), "effect-livekit-smoke-"))
const run = (command: string, args: ReadonlyArray<string>, cwd: string) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

try {
  run("npm", ["pack", "--pack-destination", project], root)
  const { devDependencies, name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const peers = ["effect", "node-datachannel", "ws", "livekit-server-sdk"].map(
    (peer) => `${peer}@${devDependencies[peer]}`
  )
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "smoke", private: true, type: "module" }))
  run("npm", ["install", `./${name}-${version}.tgz`, ...peers], project)
  const example = /```ts first-example\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1]
  if (example === undefined) throw new Error("the README has no first example")
  writeFileSync(join(project, "example.ts"), example)
  const output = run(process.execPath, ["example.ts"], project)
  process.stdout.write(output)
  if (!output.includes("bob heard: hello")) throw new Error("the example did not print what it should")
  console.log("pack smoke: the README's first example runs from the packed tarball")
} finally {
  rmSync(project, { recursive: true, force: true })
}
