/**
 * Pages of a real Chromium that a test in Node opens, commands and closes.
 */
import { Effect, type Scope } from "effect"
import { build } from "esbuild"
import { createServer } from "node:http"
import { chromium, type BrowserContext, type Page } from "playwright-core"
import * as command from "./chromiumCommand.ts"
import type { App } from "./page/app.ts"

declare global {
  /** In a page of {@link open}. */
  var app: App
}

/** A program as one script for a browser. */
export const bundle = (entry: string) =>
  Effect.promise(async () => {
    const { outputFiles } = await build({
      entryPoints: [entry],
      bundle: true,
      format: "esm",
      write: false,
      logLevel: "silent",
      conditions: ["@effect-livekit/source", "import"],
      mainFields: ["module", "main"]
    })
    return outputFiles[0]?.text ?? ""
  })

const serve = (files: Readonly<Record<string, readonly [type: string, text: string]>>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer((request, response) => {
        const [type, text] = files[request.url ?? ""] ?? ["text/plain", ""]
        response.writeHead(text === "" ? 404 : 200, { "content-type": type }).end(text)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
        resume(Effect.succeed({ url, close: () => void server.close(() => {}).closeAllConnections() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ url }) => url))

export interface Pages {
  readonly context: BrowserContext
  /** Opens a page with the program of `page/app.ts` in it. */
  readonly open: Effect.Effect<Page>
}

export const make: Effect.Effect<Pages, never, Scope.Scope> = Effect.gen(function* () {
  const url = yield* serve({
    "/": ["text/html", `<!doctype html><title>effect-livekit</title><script type="module" src="/app.js"></script>`],
    "/app.js": ["text/javascript", yield* bundle("test/browser/page/app.ts")],
    "/worker.js": ["text/javascript", yield* bundle("test/browser/page/worker.ts")],
    "/other": ["text/html", "<!doctype html><title>another page</title>"]
  })
  const executablePath = command.find()
  const browser = yield* Effect.acquireRelease(
    Effect.promise(() =>
      chromium.launch({ args: command.args, ...(executablePath === undefined ? {} : { executablePath }) })
    ),
    (browser) => Effect.promise(() => browser.close())
  )
  const context = yield* Effect.promise(() => browser.newContext())
  return {
    context,
    open: Effect.promise(async () => {
      const page = await context.newPage()
      page.on("pageerror", (error) => console.error("in a page:", error))
      await page.goto(url)
      await page.waitForFunction(() => globalThis.app !== undefined)
      return page
    })
  }
})
