/**
 * What a bundler pulls in with an entry point: nothing of Node, and no optional package.
 */
import { assert, describe, it } from "@effect/vitest"
import { build, type Platform } from "esbuild"
import { builtinModules } from "node:module"
import { readFileSync } from "node:fs"

const { peerDependenciesMeta } = JSON.parse(readFileSync("package.json", "utf8"))
const optional = Object.keys(peerDependenciesMeta)

/** Everything that is imported by an entry point, directly or not, and is not bundled. */
const outside = async (entry: string, platform: Platform) => {
  const { metafile } = await build({
    entryPoints: [entry],
    platform,
    format: "esm",
    bundle: true,
    write: false,
    metafile: true,
    logLevel: "silent",
    conditions: ["@effect-livekit/source", "import"],
    mainFields: ["module", "main"],
    external: ["node:*", ...builtinModules, ...optional]
  })
  const inputs = Object.values(metafile.inputs)
  assert.isAbove(inputs.length, 50)
  return [
    ...new Set(inputs.flatMap(({ imports }) => imports.flatMap(({ external, path }) => (external ? [path] : []))))
  ]
}

describe("a bundle", () => {
  for (const [entry, platform] of [
    ["src/index.ts", "neutral"],
    ["src/index.ts", "browser"],
    ["src/browser/index.ts", "neutral"],
    ["src/browser/index.ts", "browser"]
  ] as const) {
    it(`of ${entry} (${platform}) has no import of Node and no optional package`, async () => {
      assert.deepStrictEqual(await outside(entry, platform), [])
    })
  }

  it("of the wrtc entry point needs wrtc and no other WebRTC runtime", async () => {
    const imports = await outside("src/wrtc/index.ts", "node")
    assert.include(imports, "@roamhq/wrtc")
    assert.notInclude(imports, "node-datachannel")
  })
})
