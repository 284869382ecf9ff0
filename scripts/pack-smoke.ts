/**
 * Packs the library and uses it as its users do, from empty projects: every entry point alone, with no more installed than it
 * says it needs; the README's first example, in Node, Bun and Deno; an application that Vite builds, in a page; and one that
 * publishes declarations of what it inferred.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { viteApp } from "./pack-smoke/viteApp.ts"

const root = resolve(import.meta.dirname, "..")
const scratch = mkdtempSync(join(tmpdir(), "effect-livekit-smoke-"))
const run = (command: string, args: ReadonlyArray<string>, cwd: string) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] })

const { dependencies, devDependencies, exports, name, peerDependenciesMeta, version } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8")
)
const versions: Record<string, string> = { ...dependencies, ...devDependencies }
const install = (project: string, packages: ReadonlyArray<string>) => {
  mkdirSync(project, { recursive: true })
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "smoke", private: true, type: "module" }))
  const pinned = packages.map((each) => `${each}@${versions[each]}`)
  run("npm", ["install", join(scratch, `${name}-${version}.tgz`), ...pinned], project)
}

/** What must be installed for an entry point, beside `effect`. */
const needs: Readonly<Record<string, ReadonlyArray<string>>> = {
  "./node": ["node-datachannel"],
  "./wrtc": ["@roamhq/wrtc"],
  "./dev-server": ["node-datachannel", "livekit-server-sdk"]
}

/** Runtimes beside Node that run the example, from their npm packages, and how. */
const otherRuntimes = [
  ["bun@1.4.5", ["bun", "run"]],
  ["deno@2.9.6", ["deno", "run", "-A"]]
] as const

const viteVersion = "8.3.8"

const importAlone = (project: string, entry: string) => {
  const specifier = entry.replace(".", name)
  const program = `const all = Object.keys(await import("${specifier}")); if (all.length === 0) throw new Error("exports nothing")`
  run(process.execPath, ["--input-type=module", "--eval", program], project)
}

const entries = [
  ...Object.entries(exports).flatMap(([entry, target]) =>
    target === null || entry.includes("*") || entry === "./package.json" ? [] : [entry]
  ),
  // By the pattern, which has modules that are in no other entry point.
  "./FlightEntry",
  "./FlightRecorder",
  "./FlightRecording"
]

try {
  run("npm", ["pack", "--silent", "--pack-destination", scratch], root)

  const bare = join(scratch, "bare")
  install(bare, ["effect"])
  for (const entry of entries.filter((each) => needs[each] === undefined)) importAlone(bare, entry)
  for (const [index, entry] of entries.filter((each) => needs[each] !== undefined).entries()) {
    const project = join(scratch, `with-${index}`)
    cpSync(bare, project, { recursive: true })
    run("npm", ["install", ...(needs[entry] ?? []).map((each) => `${each}@${versions[each]}`)], project)
    importAlone(project, entry)
  }
  console.log(`pack smoke: ${entries.length} entry points can be imported with what they need and no more`)

  const full = join(scratch, "full")
  install(full, ["effect", ...Object.keys(peerDependenciesMeta)])
  const example = /```ts first-example\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1]
  if (example === undefined) throw new Error("the README has no first example")
  writeFileSync(join(full, "example.ts"), example)
  const output = run(process.execPath, ["example.ts"], full)
  process.stdout.write(output)
  if (!output.includes("bob heard: hello")) throw new Error("the example did not print what it should")
  console.log("pack smoke: the README's first example runs from the packed tarball")

  const command = join(full, "node_modules/.bin/effect-livekit")
  const self = run(command, ["--version"], full).trim()
  if (self !== `effect-livekit v${version}`) throw new Error(`the command says that it is ${self}`)
  run(command, ["demo"], full)
  console.log("pack smoke: the command runs, and its demo")

  for (const [runtime, args] of otherRuntimes) {
    const said = run("npx", ["-y", "-p", runtime, "--", ...args, "example.ts"], full)
    if (!said.includes("bob heard: hello")) throw new Error(`the example did not print what it should on ${runtime}`)
  }
  console.log(`pack smoke: and on ${otherRuntimes.map(([runtime]) => runtime).join(" and ")}`)

  const app = join(scratch, "vite")
  install(app, ["effect"])
  run("npm", ["install", `vite@${viteVersion}`], app)
  const heard = await viteApp(app, full, run)
  if (heard !== undefined && heard !== "bob heard: hello from a page")
    throw new Error(`the page was not heard: ${heard}`)
  console.log(
    `pack smoke: Vite builds an application${heard === undefined ? "; no Chromium was found to open it" : " whose page joins a room"}`
  )

  cpSync(join(root, "test/programs/consumer.ts"), join(full, "consumer.ts"))
  const compilerOptions = {
    target: "ES2023",
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    declaration: true,
    outDir: "out",
    lib: ["ES2023", "DOM", "DOM.Iterable"],
    types: [],
    skipLibCheck: false
  }
  writeFileSync(join(full, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }))
  for (const compiler of ["tsc", "tsc6"]) run(join(root, "node_modules/.bin", compiler), ["-p", "."], full)
  console.log("pack smoke: an application can publish declarations of what it infers, with TypeScript 6 and 7")
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
