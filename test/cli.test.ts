import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"

describe("effect-livekit dev-server", () => {
  it("says how to reach it, and stops with 0 on Ctrl-C", async () => {
    const child = start("dev-server", "--port", "0", "--room", "hall")
    await until(child, /Ctrl-C stops the server/)
    assert.match(child.output(), /LIVEKIT_URL=ws:\/\/127\.0\.0\.1:\d+/)
    assert.match(child.output(), /token of alice for room hall:\n[\w-]+\.[\w-]+\.[\w-]+/)
    child.process.kill("SIGINT")
    assert.strictEqual(await child.exit, 0)
  })

  it("answers what it does not understand with one line and 1", async () => {
    for (const args of [["dev-server", "--wrong"], ["nonsense"], ["dev-server", "--port", "x"]]) {
      const child = start(...args)
      assert.strictEqual(await child.exit, 1)
      assert.match(child.output(), /^effect-livekit: .+\n$/)
    }
  })

  it("says when the port is taken", async () => {
    const first = start("dev-server", "--port", "0")
    await until(first, /Ctrl-C/)
    const port = /127\.0\.0\.1:(\d+)/.exec(first.output())?.[1] ?? ""
    const second = start("dev-server", "--port", port)
    assert.strictEqual(await second.exit, 1)
    assert.include(second.output(), `cannot listen on port ${port}`)
    first.process.kill("SIGTERM")
    assert.strictEqual(await first.exit, 0)
  })
})

interface Started {
  readonly process: ChildProcess
  readonly output: () => string
  readonly exit: Promise<number | null>
}

const start = (...args: ReadonlyArray<string>): Started => {
  const child = spawn(process.execPath, ["--conditions=@effect-livekit/source", "src/cli.ts", ...args])
  const chunks: Array<string> = []
  child.stdout.on("data", (chunk) => chunks.push(String(chunk)))
  child.stderr.on("data", (chunk) => chunks.push(String(chunk)))
  return {
    process: child,
    output: () => chunks.join(""),
    exit: new Promise((resolve) => child.once("close", resolve))
  }
}

const until = ({ output, process: child }: Started, expected: RegExp) =>
  new Promise<void>((resolve, reject) => {
    child.once("close", () => reject(new Error(output())))
    const check = () => expected.test(output()) && resolve()
    child.stdout?.on("data", check)
    check()
  })
