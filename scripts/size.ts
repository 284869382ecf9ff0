/**
 * Bundles one application of data and media, ours and livekit-client's, with two bundlers, and prints what they weigh. esbuild keeps
 * a module whole that is imported from an index as a namespace, as `Stream` from "effect"; ours is weighed with it imported by its
 * path too.
 * `size-limit` holds ours to the limits in `.size-limit.json`.
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"

const folder = "node_modules/.cache/effect-livekit-size"
const conditions = ["@effect-livekit/source", "import"]

const bundlers = {
  esbuild: async (entry: string) => {
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      minify: true,
      format: "esm",
      platform: "browser",
      target: "es2022",
      write: false,
      conditions
    })
    return outputFiles[0]?.text ?? ""
  },
  rolldown: async (entry: string) => {
    const bundle = await rolldown({ input: entry, platform: "browser", resolve: { conditionNames: conditions } })
    const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false })
    return output[0].code
  }
}

const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1).padStart(10)

mkdirSync(folder, { recursive: true })
console.log("kB, everything included                minified   gzipped")
for (const [name, entry] of [
  ["effect-livekit", "scripts/size/ours.ts"],
  ["effect-livekit, by paths", "scripts/size/oursByPaths.ts"],
  ["livekit-client", "scripts/size/livekitClient.ts"]
] as const) {
  for (const [bundler, bundle] of Object.entries(bundlers)) {
    const code = await bundle(entry)
    if (!code.includes("join")) throw new Error(`${bundler} made nothing of ${entry}`)
    writeFileSync(`${folder}/${name}.${bundler}.js`, code)
    const gzipped = gzipSync(code, { level: 9 }).length
    console.log(`${`${name}, ${bundler}`.padEnd(36)} ${kilobytes(code.length)}${kilobytes(gzipped)}`)
  }
}
console.log()
execFileSync("size-limit", { stdio: "inherit" })
