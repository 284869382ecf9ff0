import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

it("shows in the README a test that is run", () => {
  const readme = readFileSync("README.md", "utf8")
  assert.include(readme, readFileSync("examples/outage.test.ts", "utf8"))
})
