/**
 * Looks for known vulnerabilities in what applications install with the library, and fails if there is one. Mirrors of the registry
 * may have no such answer; that is said, and only that is let pass.
 */
import { spawnSync } from "node:child_process"

const { status, stderr, stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], { encoding: "utf8" })

interface Answer {
  readonly statusCode?: number
  readonly method?: string
  readonly metadata?: {
    readonly vulnerabilities: { readonly total: number }
    readonly dependencies: { readonly prod: number }
  }
}

const answer: Answer = JSON.parse(stdout)

if (answer.statusCode === 405 && answer.method === "POST") {
  console.log("audit: not checked: the registry has no audit endpoint")
} else if (status === 0 && answer.metadata?.vulnerabilities.total === 0) {
  console.log(`audit: nothing is known against ${answer.metadata.dependencies.prod} packages`)
} else {
  console.error(stdout)
  console.error(stderr)
  console.error("audit: failed; see above, and `npm audit --omit=dev`")
  process.exitCode = 1
}
