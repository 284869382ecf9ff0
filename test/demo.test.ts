import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { PNG } from "pngjs"

const demo = (env: Readonly<Record<string, string>> = {}, ...args: ReadonlyArray<string>) => {
  const { LIVEKIT_API_KEY: _key, LIVEKIT_API_SECRET: _secret, LIVEKIT_URL: _url, ...rest } = process.env
  return spawnSync(process.execPath, ["--conditions=@effect-livekit/source", "src/cli.ts", "demo", ...args], {
    encoding: "utf8",
    env: { ...rest, ...env },
    timeout: 130_000
  })
}
const key = { LIVEKIT_API_KEY: "key", LIVEKIT_API_SECRET: "a-secret-of-thirty-two-characters-at-least" }
const lines = (text: string) => text.split("\n").filter((line) => line.trim() !== "")

describe("the demo", () => {
  it("meets, is cut, refused and restarted, comes back, loses nothing, and ends by itself with 0", () => {
    const run = demo()
    assert.strictEqual(run.stderr, "")
    assert.match(run.stdout, /resumed {4}after \d+ ms, the path answered in \d+ ms/)
    assert.match(run.stdout, /resumed {4}\d+ ms after dials were accepted again/)
    assert.match(run.stdout, /rejoined {3}alice and bob, \d+ ms after it was back/)
    assert.match(run.stdout, /reliable, at bob +500 +0 +0 +0\n/)
    assert.match(run.stdout, /reliable, at alice +500 +0 +0 +0\n/)
    assert.strictEqual(run.status, 0)
  })

  it("sends a tone and a picture through every cut, writes what was seen, and ends by itself with 0", () => {
    rmSync("demo-media.png", { force: true })
    const run = demo({}, "--media")
    assert.strictEqual(run.stderr, "")
    assert.deepStrictEqual(
      lines(run.stdout).flatMap((line) => /^ {2}(received|resumed|restarted|rejoined)/.exec(line)?.[1] ?? []),
      ["received", "resumed", "received", "restarted", "received", "rejoined", "received"]
    )
    assert.match(run.stdout, /media path is gone for good; bob hears nothing and sees nothing/)
    const levels = [...run.stdout.matchAll(/bob hears (-\d+\.\d) dBFS and sees \d+ pictures a second of 640x360/g)]
    assert.lengthOf(levels, 4)
    for (const [, level] of levels) assert.closeTo(Number(level), -15, 3)
    const { data, height, width } = PNG.sync.read(readFileSync("demo-media.png"))
    assert.deepStrictEqual([width, height], [640, 360])
    assert.isAbove(new Set(data).size, 8, "there are bars")
    assert.strictEqual(run.status, 0)
  }, 140_000)

  for (const [what, url, says] of [
    ["nobody listens", "ws://127.0.0.1:9", /127\.0\.0\.1:9/],
    ["the URL is none", "http//nowhere", /URL/]
  ] as const) {
    it(`says in one line that ${what}, and leaves with 1`, () => {
      const run = demo({ ...key, LIVEKIT_URL: url })
      assert.strictEqual(lines(run.stderr).length, 1)
      assert.match(run.stderr, says)
      assert.notInclude(run.stderr + run.stdout, "eyJ")
      assert.strictEqual(run.status, 1)
    })
  }

  it("says which variables are missing", () => {
    const run = demo({ LIVEKIT_URL: "ws://127.0.0.1:9" })
    assert.match(run.stderr, /all three of LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET/)
    assert.strictEqual(run.status, 1)
  })
})
