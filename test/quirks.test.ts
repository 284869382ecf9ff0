import { assert, it } from "@effect/vitest"
import * as quirks from "../src/browser/quirks.ts"

const agents = {
  "Firefox on Linux": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  "Firefox on Android": "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
  "Firefox on iOS":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15",
  Chrome: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  Safari:
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
  none: ""
}

const firefox = ["Firefox on Linux", "Firefox on Android"]

for (const [name, agent] of Object.entries(agents)) {
  it(`${firefox.includes(name) ? "offers after the join" : "may offer in the join"} (${name})`, () => {
    assert.strictEqual(quirks.of(agent).needsOfferAfterJoin, firefox.includes(name))
  })
}
