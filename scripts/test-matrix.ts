/**
 * Runs the tests on the ends of what the library says it supports: the lowest Node and the newest of the line that it is
 * developed on, and the lowest and the newest `effect` that the peer range allows. What the project itself is installed with is
 * left to `npm test`.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { sort } from "semver"

const root = resolve(import.meta.dirname, "..")
const { devDependencies, engines, peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

/** The versions of a package that a range allows, lowest first. */
const versionsOf = (name: string, range: string): ReadonlyArray<string> => {
  const found: unknown = JSON.parse(
    execFileSync("npm", ["view", `${name}@${range}`, "version", "--json"], { encoding: "utf8" })
  )
  const all = Array.isArray(found) ? found.map(String) : [String(found)]
  if (all.length === 0) throw new Error(`no version of ${name} is in ${range}`)
  return sort([...all])
}
const ends = (all: ReadonlyArray<string>) => [...new Set([all.at(0), all.at(-1)])].filter((each) => each !== undefined)

/** Where Node and Effect show: sockets, WebRTC, processes, and the engine as a whole. */
const telling = [
  ...["SignalClient", "openWebSocket", "DevServerHttp", "DevServerSignal", "EngineFaults", "EngineInput", "EndToEnd"],
  ...["RTCEngine", "TestServer", "StrippedGlobals", "W3CPeerConnection", "cli", "doctor", "ProcessExit"]
].map((name) => `test/${name}.test.ts`)

const test = (node: string, cwd: string) => {
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "node", "--reporter=dot", ...telling]
  const args = ["-y", "-p", `node@${node}`, "--", "node", ...vitest]
  execFileSync("npx", args, { cwd, stdio: "inherit" })
}

const lowestNode = engines.node.replace(">=", "")
const nodes = [lowestNode, ...versionsOf("node", "24").slice(-1)]
for (const node of [...new Set<string>(nodes)].filter((each) => each !== devDependencies.node)) {
  console.log(`tests on Node ${node}`)
  test(node, root)
}

for (const effect of ends(versionsOf("effect", peerDependencies.effect))) {
  if (effect === devDependencies.effect) {
    console.log(`effect ${effect} is the one that npm test runs with`)
    continue
  }
  const copy = mkdtempSync(join(tmpdir(), "effect-livekit-matrix-"))
  try {
    cpSync(root, copy, { recursive: true, filter: (path) => !path.includes("/.git") })
    execFileSync("npm", ["install", "--no-save", `effect@${effect}`], { cwd: copy, stdio: "inherit" })
    console.log(`tests with effect ${effect}`)
    test(devDependencies.node, copy)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}
