/**
 * The example page, used as a person uses it who has a keyboard and no mouse.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Page } from "playwright-core"
import * as Pages from "./pages.ts"

const serve = Effect.acquireRelease(
  Effect.promise(async () => {
    const child = spawn(
      process.execPath,
      ["--conditions=@effect-livekit/source", "examples/browser/serve.ts", "--port", "0"],
      { stdio: ["ignore", "pipe", "inherit"] }
    )
    const [said] = await once(child.stdout.setEncoding("utf8"), "data")
    return { child, url: /http:\S+/.exec(String(said))?.[0] ?? "" }
  }),
  ({ child }) =>
    Effect.promise(async () => {
      child.kill("SIGTERM")
      await once(child, "exit")
    })
)

const areConnected = (page: Page) =>
  page.waitForFunction(() => document.querySelectorAll(".state[data-state=Connected]").length === 2)

class Example extends Context.Service<Example, { readonly url: string }>()("test/Example") {}

const services = Layer.merge(Layer.effect(Example, serve), Pages.layer)

/** Goes through the page with the tabulator, to what has this name. */
const tabTo = async (page: Page, name: string) => {
  for (let step = 0; step < 40; step++) {
    await page.keyboard.press("Tab")
    const focused = await page.evaluate(() => {
      const element = document.activeElement
      return element?.getAttribute("aria-label") ?? element?.textContent
    })
    if (focused === name) return
  }
  assert.fail(`the tabulator does not come to ${name}`)
}

const happened = (page: Page, text: string) =>
  page.getByRole("log", { name: "What happened" }).getByText(text).waitFor()

layer(services, { excludeTestServices: true, timeout: "1 minute" })("the example page", (it) => {
  const test = (name: string, body: (page: Page) => Promise<void>, width = 1280) =>
    it.effect(
      name,
      () =>
        Effect.gen(function* () {
          const { url } = yield* Example
          const { context } = yield* Pages.make
          yield* Effect.promise(async () => {
            const page = await context.newPage()
            await page.setViewportSize({ width, height: 900 })
            await page.goto(url)
            await areConnected(page)
            await body(page).catch(async (cause: unknown) => {
              const log = page.getByRole("log", { name: "What happened" })
              throw new Error(`the page says, newest first:\n${await log.innerText()}`, { cause })
            })
          })
        }),
      60_000
    )

  test("carries a chat, and a cut of the signal costs nothing", async (page) => {
    await tabTo(page, "Say something to bob")
    await page.keyboard.type("hello bob")
    await page.keyboard.press("Enter")
    await page.getByRole("log", { name: "Chat of bob" }).getByText("hello bob").waitFor()
    const cut = page.locator("[data-identity=alice]").getByRole("button", { name: "Cut the signal" })
    await cut.press("Enter")
    await happened(page, "alice: is back in its session")
    assert.isTrue(await cut.evaluate((button) => button === document.activeElement), "the keyboard keeps its place")
    await areConnected(page)
    const tallies = await page.locator(".tally").allTextContents()
    assert.strictEqual(tallies.length, 2)
    for (const tally of tallies) assert.match(tally, /none lost, none twice, none out of order$/)
  })

  test("comes back from a blocked media path and from a server that was started again", async (page) => {
    await tabTo(page, "Block the media path")
    await page.keyboard.press("Space")
    await happened(page, "alice: media path blocked")
    const received = () => page.locator("[data-identity=bob] .tally").textContent()
    // What is under way arrives, and then nothing does.
    await page.waitForTimeout(1_000)
    const before = await received()
    await page.waitForTimeout(2_000)
    assert.strictEqual(await received(), before)
    await page.keyboard.press("Space")
    await happened(page, "alice: media path open again")
    await page.getByRole("button", { name: "Restart the server" }).focus()
    await page.keyboard.press("Enter")
    await happened(page, "alice: is back in a new session")
    await happened(page, "bob: is back in a new session")
    await areConnected(page)
  })

  test("says why there is no camera, and draws a picture again", async (page) => {
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"))
    })
    const camera = page.locator("[data-identity=alice]").getByRole("button", { name: "Camera" })
    await camera.click()
    await happened(page, "alice: cannot capture the camera: it was not allowed")
    await page.locator("[data-identity=alice]").getByRole("button", { name: "Camera", pressed: false }).waitFor()
  })

  test("says that there is no picture only while there is none", async (page) => {
    const missing = page.getByText("no picture of bob")
    await missing.waitFor({ state: "hidden" })
    await page.locator("[data-identity=bob]").getByRole("button", { name: "Leave" }).click()
    await missing.waitFor({ state: "visible" })
  })

  test("says that nobody answers when its server is gone", async (page) => {
    await page.route("**/control/restart", (route) => route.abort())
    await page.getByRole("button", { name: "Restart the server" }).click()
    await happened(page, "nobody answers at")
  })

  it.effect(
    "ends the server of a page that is gone",
    () =>
      Effect.gen(function* () {
        const { url } = yield* Example
        const { context } = yield* Pages.make
        const page = yield* Effect.promise(() => context.newPage())
        const dialled = Effect.promise(() =>
          page.waitForEvent("websocket", (socket) => new URL(socket.url()).pathname.startsWith("/rtc"))
        )
        const [socket] = yield* Effect.all([dialled, Effect.promise(() => page.goto(url))], {
          concurrency: "unbounded"
        })
        const server = new URL(socket.url().replace(/^ws/, "http")).origin
        const answers = Effect.promise(() =>
          fetch(server).then(
            () => true,
            () => false
          )
        )
        assert.isTrue(yield* answers)
        yield* Effect.promise(() => page.close())
        yield* answers.pipe(
          Effect.delay(100),
          Effect.repeat({ while: (isThere) => isThere }),
          Effect.timeout("20 seconds")
        )
      }),
    60_000
  )

  for (const width of [1280, 768, 390]) {
    test(
      `fits ${width} pixels, and names all that can be used`,
      async (page) => {
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        assert.strictEqual(overflow, 0)
        for (const role of ["button", "textbox", "log", "img"] as const) {
          const all = await page.getByRole(role).all()
          assert.isAbove(all.length, 0)
          for (const one of all) {
            const name = (await one.getAttribute("aria-label")) ?? (await one.textContent())
            const labelled = await one.getAttribute("aria-labelledby")
            assert.isTrue((name ?? "") !== "" || labelled !== null, `a ${role} without a name`)
            // A name that changes and a state would say it twice, and contrary.
            if (/^(Block|Open|Leave|Join)/.test(name ?? "")) assert.isNull(await one.getAttribute("aria-pressed"))
          }
        }
      },
      width
    )
  }
})
