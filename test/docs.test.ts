/**
 * The documentation is true: its examples compile, those that can run do and print what it says, its links lead somewhere, and
 * every failure is explained.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFile, execFileSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { all, markdown } from "./suites/examples.ts"

/** Inside the project, so that the library is found by its name. */
const scratch = `.tmp/examples-${process.pid}`

const write = () => {
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
  const names = all.map(({ at }) => `${at.replaceAll(/[^\w.-]/g, "_")}.ts`)
  for (const [index, { code }] of all.entries())
    writeFileSync(join(scratch, names[index] ?? ""), `${code}\nexport {}\n`)
  const compilerOptions = { noUnusedLocals: false, noEmit: true }
  writeFileSync(
    join(scratch, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", compilerOptions, include: ["*.ts"] })
  )
  return names
}

const numbers = (text: string) => text.replaceAll(/\d+/g, "N").trim()

describe("the documentation", () => {
  it("has examples that compile", { timeout: 120_000 }, () => {
    write()
    try {
      assert.isAbove(all.length, 30)
      execFileSync("tsc", ["-p", scratch], {
        encoding: "utf8",
        env: { ...process.env, PATH: `node_modules/.bin:${process.env["PATH"]}` }
      })
    } catch (cause) {
      const output = cause instanceof Error && "stdout" in cause ? String(cause.stdout) : String(cause)
      assert.fail(output)
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  })

  const runnable = all.filter(({ flags }) => flags.includes("run") || flags.includes("first-example"))

  it("has examples that run, and print what it says", { timeout: 120_000 }, async () => {
    assert.isAbove(runnable.length, 2)
    const directory = `${scratch}-run`
    mkdirSync(directory, { recursive: true })
    try {
      for (const [index, { at, code, output }] of runnable.entries()) {
        const file = join(directory, `${index}.ts`)
        writeFileSync(file, code)
        const { LIVEKIT_URL: _url, ...env } = process.env
        const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@effect-livekit/source", file], {
          env,
          timeout: 60_000
        })
        if (output !== undefined) assert.strictEqual(numbers(stdout), numbers(output), at)
      }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it("has links that lead somewhere", () => {
    const slugs = (file: string) =>
      [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w\- ]/g, "")
          .replaceAll(" ", "-")
      )
    const broken = markdown.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].flatMap(
        ([link, path = "", anchor]) => {
          const target = path === "" ? file : join(dirname(file), path)
          if (!existsSync(target)) return [`${file}: ${link}`]
          return anchor !== undefined && !slugs(target).includes(anchor) ? [`${file}: ${link}`] : []
        }
      )
    )
    assert.deepStrictEqual(broken, [])
  })

  it("explains every reason of every error, and none that is gone", () => {
    const tagged = /class (\w+) extends Data\.TaggedError\("(\w+)"\)/g
    const reasons = globSync("src/*Error.ts").flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(tagged)].flatMap(([, , tag = ""]) => (tag.endsWith("Error") ? [] : [tag]))
    )
    assert.isAbove(reasons.length, 20)
    const text = readFileSync("docs/troubleshooting.md", "utf8")
    const explained = [...text.matchAll(/^### `(\w+)`$/gm)].map(([, tag = ""]) => tag)
    assert.deepStrictEqual(explained.toSorted(), reasons.toSorted())
    for (const section of text.split(/^### /m).slice(1)) {
      for (const part of ["**Means**", "**Causes**", "**Do**"]) assert.include(section, part, section.split("\n")[0])
    }
  })

  it("describes every event", () => {
    const text = readFileSync("src/EngineEvent.ts", "utf8")
    const tags = [...text.matchAll(/_tag: "(\w+)"/g)].map(([, tag = ""]) => tag)
    assert.isAbove(tags.length, 30)
    const described = markdown.map((file) => readFileSync(file, "utf8")).join("\n")
    assert.deepStrictEqual(
      tags.filter((tag) => !described.includes(`\`${tag}\``)),
      []
    )
  })

  it("says something of every exported symbol", () => {
    const entries = globSync(["src/index.ts", "src/*/index.ts"])
    const modules = entries.flatMap((entry) =>
      [...readFileSync(entry, "utf8").matchAll(/^export \* as \w+ from "(.+)"$/gm)].map(([, path = ""]) =>
        join(dirname(entry), path)
      )
    )
    assert.isAbove(modules.length, 40)
    const exported = /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)?^export (?:const|class|interface|type|function) (\w+)/gm
    const silent = modules.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(exported)].flatMap(([, doc = "", name]) =>
        /^ ?(?:\/\*)?\*+ [^@\s]/m.test(doc) ? [] : [`${file} ${name}`]
      )
    )
    assert.deepStrictEqual(silent, [])
  })

  it("names every span and every metric", () => {
    const source = globSync("src/**/*.ts")
      .map((file) => readFileSync(file, "utf8"))
      .join("\n")
    const spans = [...source.matchAll(/(?:Effect\.fn|withSpan)\("(\w+)(\.\w+)"/g)]
    const metrics = [...readFileSync("src/EngineMetrics.ts", "utf8").matchAll(/"(livekit\.[\w.]+)"/g)]
    assert.isAbove(spans.length, 12)
    assert.isAbove(metrics.length, 10)
    const text = readFileSync("docs/observability.md", "utf8")
    // Those of one module share its name.
    const isNamed = ([, module = "", step = ""]: ReadonlyArray<string>) =>
      text.includes(`\`${module}${step}\``) || (text.includes(`\`${module}.`) && text.includes(`\`${step}\``))
    assert.deepStrictEqual(
      [
        ...spans.filter((span) => !isNamed(span)).map(([span]) => span),
        ...metrics.filter(([, name = ""]) => !text.includes(`\`${name}\``)).map(([name]) => name)
      ],
      []
    )
  })

  it("says of every method and event of livekit-client's Room what stands for it here", () => {
    const read = (file: string) => readFileSync(`node_modules/livekit-client/dist/src/room/${file}.d.ts`, "utf8")
    const events = /export declare enum RoomEvent \{([^]*?)^\}/m.exec(read("events"))?.[1] ?? ""
    const room = /declare class Room [^]*?^\}/m.exec(read("Room"))?.[0] ?? ""
    const names = [
      ...[...events.matchAll(/^ {4}(\w+) =/gm)].map(([, name = ""]) => name),
      ...[...room.matchAll(/^ {4}(?!private|constructor|static cleanup)(?:static |get )?(\w+)(?:\(|: \()/gm)].map(
        ([, name = ""]) => name
      )
    ]
    assert.isAbove(names.length, 60)
    const text = readFileSync("docs/migration.md", "utf8")
    const ours = new Set(["emit"]) // of the emitter below a Room
    const unregistered = (name: string) =>
      name.replace(/^unregister(Text|Byte)StreamHandler$/, "register$1StreamHandler")
    assert.deepStrictEqual(
      names.filter((name) => !ours.has(name) && !new RegExp(`\`${unregistered(name)}\\b`).test(text)),
      []
    )
  })

  it("names every command", () => {
    const text = readFileSync("README.md", "utf8")
    for (const command of ["doctor", "join", "dev-server", "demo", "timeline"])
      assert.match(text, new RegExp(`\`${command}\\b`))
  })
})
