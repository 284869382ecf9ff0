/**
 * A public surface that is not that of the last release needs a changeset, which says to users what is different. Where no
 * release is known there is nothing to compare with.
 */
import readChangesets from "@changesets/read"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"

const git = (...args: ReadonlyArray<string>) => spawnSync("git", args, { encoding: "utf8" })

const { name } = JSON.parse(readFileSync("package.json", "utf8"))
const changesets = await readChangesets(process.cwd())
const stranger = changesets.find(({ releases }) => releases.some((release) => release.name !== name))
if (stranger !== undefined) throw new Error(`the changeset ${stranger.id} is not of ${name}`)

const released = git("describe", "--tags", "--abbrev=0", "--match", "v*")
const tag = released.stdout.trim()
if (released.status !== 0) {
  console.log(`changes: ${changesets.length} changesets; no release is known to compare with`)
} else if (git("diff", "--quiet", tag, "--", "etc/api").status === 0) {
  console.log(`changes: the public surface is that of ${tag}`)
} else if (changesets.length > 0) {
  console.log(`changes: the public surface is not that of ${tag}, and ${changesets.length} changesets say why`)
} else {
  console.error(`changes: the public surface is not that of ${tag}; say why with \`npx changeset\``)
  process.exitCode = 1
}
