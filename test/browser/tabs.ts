/**
 * Tabs of one window, of which only the one in front is visible. Pages that Playwright makes itself are all told that they are
 * visible and have the focus, and no timer of theirs is ever slowed down.
 */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium, type BrowserContext, type Page } from "playwright-core"
import * as command from "./chromiumCommand.ts"
import { Chromium, openIn } from "./pages.ts"

const profile = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-livekit-chromium-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
)

/** Starts a Chromium of which nothing is asked but where its DevTools listen. */
const start = (folder: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(
        command.find() ?? chromium.executablePath(),
        [...command.args, "--headless=new", "--remote-debugging-port=0", `--user-data-dir=${folder}`, "about:blank"],
        { stdio: ["ignore", "ignore", "pipe"] }
      )
      const address = await new Promise<string>((resolve, reject) => {
        let said = ""
        child.stderr.setEncoding("utf8").on("data", (part: string) => {
          said += part
          const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
          if (found !== undefined) resolve(found)
        })
        child.once("exit", () => reject(new Error(`Chromium ended: ${said}`)))
      })
      return { child, address }
    }),
    ({ child }) =>
      Effect.promise(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill()
        await once(child, "exit")
      })
  ).pipe(Effect.map(({ address }) => address))

export interface Tabs {
  readonly context: BrowserContext
  /** Opens a tab, in front, with the program of `page/app.ts` in it. */
  readonly open: Effect.Effect<Page>
  /** Opens another tab in front of the others. */
  readonly hideOthers: Effect.Effect<void>
}

/** A window that is closed with the scope. */
export const make: Effect.Effect<Tabs, never, Chromium | Scope.Scope> = Effect.gen(function* () {
  const { url } = yield* Chromium
  const address = yield* Effect.flatMap(profile, start)
  const browser = yield* Effect.acquireRelease(
    Effect.promise(() => chromium.connectOverCDP(address, { noDefaults: true })),
    (browser) => Effect.promise(() => browser.close())
  )
  const [context] = browser.contexts()
  if (context === undefined) return yield* Effect.die("Chromium has no window")
  return {
    context,
    open: openIn(context, url),
    hideOthers: Effect.promise(async () => (await context.newPage()).bringToFront())
  }
})
