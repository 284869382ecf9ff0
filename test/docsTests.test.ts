/**
 * The tests that the documentation shows, run as they stand there.
 */
import { describe } from "@effect/vitest"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { all } from "./suites/examples.ts"

const scratch = `.tmp/tests-${process.pid}`
mkdirSync(scratch, { recursive: true })

const tests = all.filter(({ flags }) => flags.includes("test"))
if (tests.length < 4) throw new Error("the documentation shows fewer tests than it should")
for (const [index, { at, code }] of tests.entries()) {
  const file = join(scratch, `${index}.ts`)
  writeFileSync(file, code)
  // oxlint-disable-next-line no-await-in-loop -- the tests of each belong into its group
  describe(at, async () => void (await import(/* @vite-ignore */ resolve(file))))
}
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }))
