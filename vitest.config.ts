import { playwright } from "@vitest/browser-playwright"
import { defineConfig, type TestProjectConfiguration } from "vitest/config"
import * as chromium from "./test/browser/chromiumCommand.ts"
import { firefox } from "./test/browser/firefox.ts"

const conditions = ["@effect-livekit/source", "node", "import", "module", "default"]
/** Milliseconds; several of these run at once on few processors. */
const testTimeout = 30_000
/** Where nobody looks on, a test of real sockets, WebRTC and browsers that fails once is tried again, and the report says so. */
const retry = process.env["CI"] === undefined ? 0 : 1
const executablePath = chromium.find()
/** A Firefox, by name or path, in which the tests in a page run instead. */
const firefoxPath = process.env["FIREFOX_BIN"] || undefined

if (executablePath === undefined) {
  const advice = "no Chromium was found; install one, or name it by CHROME_BIN"
  if (process.env["REQUIRE_BROWSER"] !== undefined) throw new Error(`the tests in a browser cannot run: ${advice}`)
  console.log(`The tests in a browser are skipped: ${advice}.`)
}

const inNode: TestProjectConfiguration = {
  extends: false,
  test: {
    name: "node",
    testTimeout,
    retry,
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    exclude: ["test/browser/**", "test/fleet.test.ts"]
  },
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } }
}

/** The tests themselves run in a page. They come after those in Node, which may need a processor for themselves. */
const inBrowser: TestProjectConfiguration = {
  extends: false,
  resolve: { conditions: ["@effect-livekit/source", "browser", "import", "module", "default"] },
  // What is found only while tests run has the page loaded again in the middle of them.
  optimizeDeps: {
    entries: ["src/index.ts", "src/browser/index.ts", "test/suites/*.ts", "test/browser/*.browser.test.ts"]
  },
  test: {
    name: "browser",
    testTimeout,
    retry,
    include: ["test/browser/*.browser.test.ts"],
    globalSetup: ["test/browser/stage.ts"],
    sequence: { groupOrder: 1 },
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      ...(firefoxPath === undefined
        ? {
            provider: playwright({
              launchOptions: { ...(executablePath === undefined ? {} : { executablePath }), args: chromium.args }
            }),
            instances: [{ browser: "chromium" }]
          }
        : { provider: firefox(firefoxPath), instances: [{ browser: "firefox" }] })
    }
  }
}

/** The tests run in Node and command pages. */
const onPages: TestProjectConfiguration = {
  extends: false,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { name: "pages", testTimeout, retry, include: ["test/browser/*.page.test.ts"], sequence: { groupOrder: 2 } }
}

/** Two hundred bots take both processors for half a minute, so they come last and alone. */
const inProcesses: TestProjectConfiguration = {
  extends: false,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { name: "fleet", retry, include: ["test/fleet.test.ts"], sequence: { groupOrder: 3 } }
}

export default defineConfig({
  test: {
    projects: [
      inNode,
      ...(firefoxPath === undefined && executablePath === undefined ? [] : [inBrowser]),
      ...(executablePath === undefined ? [] : [onPages]),
      inProcesses
    ]
  }
})
