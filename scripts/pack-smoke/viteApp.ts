/**
 * An application built by Vite with the packed library, in a page that joins a room.
 */
import { chromium } from "playwright-core"
import { type ChildProcess, spawn } from "node:child_process"
import { cpSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as command from "../../test/browser/chromiumCommand.ts"

/** Lines of a program as it prints them. */
const lines = (child: ChildProcess) => {
  if (child.stdout === null) throw new Error("the program has no output")
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}

const start = (args: ReadonlyArray<string>, cwd: string) =>
  spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "inherit"] })

/**
 * Builds the application in `project`, where Vite is installed, and opens it; the room is run from `far`, where everything is.
 * Returns what the other participant says, or nothing where there is no Chromium.
 */
export const viteApp = async (
  project: string,
  far: string,
  run: (command: string, args: ReadonlyArray<string>, cwd: string) => string
): Promise<string | undefined> => {
  cpSync(join(import.meta.dirname, "page.ts"), join(project, "page.ts"))
  cpSync(join(import.meta.dirname, "far.ts"), join(far, "far.ts"))
  writeFileSync(join(project, "index.html"), '<!doctype html><body><script type="module" src="/page.ts"></script>')
  const vite = join(project, "node_modules/vite/bin/vite.js")
  run(process.execPath, [vite, "build", "--logLevel", "error"], project)
  const executablePath = command.find()
  if (executablePath === undefined) return undefined

  const room = start(["far.ts"], far)
  const preview = start([vite, "preview", "--port", "0", "--host", "127.0.0.1"], project)
  const browser = await chromium.launch({ executablePath, args: command.args })
  try {
    const said = lines(room)
    const query = String((await said.next()).value)
    const page = await browser.newPage()
    page.on("pageerror", (error) => console.error(error))
    await page.goto(`${await addressOf(preview)}?${query}`)
    return String((await said.next()).value)
  } finally {
    await browser.close()
    room.kill()
    preview.kill()
  }
}

const addressOf = async (preview: ChildProcess) => {
  for await (const line of { [Symbol.asyncIterator]: () => lines(preview) }) {
    const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(line.replaceAll(/\u001b\[\d+m/g, ""))
    if (found !== null) return found[0]
  }
  throw new Error("vite preview did not say where it listens")
}
