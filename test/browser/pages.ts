/**
 * Pages of a real Chromium that a test in Node opens, commands and closes.
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { build } from "esbuild"
import { createServer } from "node:http"
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core"
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

/** Files by their paths, on a port of loopback. */
export const serve = (files: Readonly<Record<string, readonly [type: string, text: string]>>) =>
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

/** One browser for all tests of a file, and where its pages come from. */
export class Chromium extends Context.Service<Chromium, { readonly browser: Browser; readonly url: string }>()(
  "test/Chromium"
) {}

export const layer: Layer.Layer<Chromium> = Layer.effect(
  Chromium,
  Effect.gen(function* () {
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
    return { browser, url }
  })
)

export interface Pages {
  readonly context: BrowserContext
  /** Opens a page with the program of `page/app.ts` in it. */
  readonly open: Effect.Effect<Page>
}

/** Pages that share nothing with those of other tests, and are closed with the scope. */
export const make: Effect.Effect<Pages, never, Chromium | Scope.Scope> = Effect.gen(function* () {
  const { browser, url } = yield* Chromium
  const context = yield* Effect.acquireRelease(
    Effect.promise(() => browser.newContext()),
    (context) => Effect.promise(() => context.close())
  )
  return { context, open: openIn(context, url) }
})

/** Opens a page with the program of `page/app.ts` in it. */
export const openIn = (context: BrowserContext, url: string): Effect.Effect<Page> =>
  Effect.promise(async () => {
    const page = await context.newPage()
    page.on("pageerror", (error) => console.error("in a page:", error))
    await page.goto(url)
    await page.waitForFunction(() => globalThis.app !== undefined)
    return page
  })
