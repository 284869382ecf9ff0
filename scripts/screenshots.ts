/** Uses the example page for half a minute and takes the pictures of the README: `node scripts/screenshots.ts`. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { chromium, type Page } from "playwright-core"
import * as command from "../test/browser/chromiumCommand.ts"

const seconds = (count: number) => new Promise<void>((resolve) => setTimeout(resolve, count * 1000))

const use = async (page: Page) => {
  const of = (identity: string) => page.locator(`[data-identity=${identity}]`)
  const say = async (identity: string, text: string) => {
    await of(identity).getByRole("textbox").fill(text)
    await of(identity).getByRole("textbox").press("Enter")
    await seconds(0.4)
  }
  const press = (identity: string, name: string) => of(identity).getByRole("button", { name }).click()
  const areConnected = () =>
    page.waitForFunction(() => document.querySelectorAll(".state[data-state=Connected]").length === 2)

  await areConnected()
  await seconds(4)
  await say("alice", "Hello Bob, can you hear me?")
  await say("bob", "Loud and clear.")
  await seconds(3)
  await press("alice", "Cut the signal")
  await say("alice", "Said while my signal was cut.")
  await seconds(5)
  await press("bob", "Block the media path")
  await seconds(6)
  await press("bob", "Open the media path")
  await seconds(6)
  await page.getByRole("button", { name: "Restart the server" }).click()
  await seconds(4)
  await areConnected()
  await seconds(3)
  await say("bob", "Back again.")
  await seconds(1)
  await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur())
}

const server = spawn(
  process.execPath,
  ["--conditions=@effect-livekit/source", "examples/browser/serve.ts", "--port", "0"],
  { stdio: ["ignore", "pipe", "inherit"] }
)
const executablePath = command.find()
const browser = await chromium.launch({
  args: command.args,
  ...(executablePath === undefined ? {} : { executablePath })
})
try {
  const [said] = await once(server.stdout.setEncoding("utf8"), "data")
  const url = /http:\S+/.exec(String(said))?.[0] ?? ""
  mkdirSync("docs/images", { recursive: true })
  for (const width of [1280, 390]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, deviceScaleFactor: width === 390 ? 1.5 : 1 })
    await page.goto(url)
    await use(page)
    await page.screenshot({ path: `docs/images/browser-${width}.png`, fullPage: true })
    console.log(await page.locator(".tally").allTextContents())
    await page.close()
  }
} finally {
  await browser.close()
  server.kill("SIGTERM")
  await once(server, "exit")
}
