/**
 * A contestant in a process of its own, or in a page of a browser of its own.
 */
import { Effect, type Scope } from "effect"
import { chromium } from "playwright-core"
import * as chromiumCommand from "../test/browser/chromiumCommand.ts"
import * as pages from "../test/browser/pages.ts"
import * as Child from "../test/clients/Child.ts"
import type { Contestant, Response, Results, Task } from "./Task.ts"

export interface Worker {
  readonly run: <Tag extends Task["_tag"]>(
    task: Extract<Task, { readonly _tag: Tag }>
  ) => Effect.Effect<Results[Tag], Child.ChildError>
}

type Perform = (task: Task) => Effect.Effect<Results[keyof Results], Child.ChildError>

/** Whether it is in a page. */
export const isInBrowser = (contestant: Contestant): boolean => contestant.includes("Chromium")

const inProcess = Effect.fnUntraced(function* (contestant: Contestant): Effect.fn.Return<Perform, never, Scope.Scope> {
  const child = yield* Child.make<Task, Response>("bench/clientProcess.ts", [contestant], {
    nodeOptions: ["--expose-gc"]
  })
  return (task: Task) => Effect.map(child.ask(task), ({ result }) => result)
})

const inPage = Effect.fnUntraced(function* (contestant: Contestant): Effect.fn.Return<Perform, never, Scope.Scope> {
  const url = yield* pages.serve({
    "/": ["text/html", `<!doctype html><title>bench</title><script type="module" src="/client.js"></script>`],
    "/client.js": ["text/javascript", yield* pages.bundle("bench/clientPage.ts")]
  })
  const executablePath = chromiumCommand.find()
  const browser = yield* Effect.acquireRelease(
    Effect.promise(() =>
      chromium.launch({ args: chromiumCommand.args, ...(executablePath === undefined ? {} : { executablePath }) })
    ),
    (browser) => Effect.promise(() => browser.close())
  )
  const page = yield* Effect.promise(async () => {
    const system = await browser.newBrowserCDPSession()
    const page = await browser.newPage()
    await page.exposeFunction("cpuOfBrowser", async () => {
      const { processInfo } = await system.send("SystemInfo.getProcessInfo")
      return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0)
    })
    await page.goto(`${url}/#${contestant}`)
    await page.waitForFunction(() => globalThis.perform !== undefined)
    return page
  })
  return (task: Task) =>
    Effect.tryPromise({
      try: () => page.evaluate((task) => globalThis.perform(task), task),
      catch: (cause) => new Child.ChildError({ message: String(cause) })
    })
})

export const make = Effect.fnUntraced(function* (contestant: Contestant): Effect.fn.Return<Worker, never, Scope.Scope> {
  const perform = yield* isInBrowser(contestant) ? inPage(contestant) : inProcess(contestant)
  return {
    // The worker answers each task with its result: `Results` is what both were written by.
    run: (task) => Effect.map(perform(task), (result) => result as Results[typeof task._tag])
  }
})
