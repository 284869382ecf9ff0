/**
 * Everything that an installation of the library can bring along has a licence that goes with Apache-2.0, and NOTICE names what
 * it is built on. Read from the lockfile.
 */
import { readFileSync } from "node:fs"

interface Locked {
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const allowed = ["Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "MPL 2.0", "0BSD", "Unlicense"]

const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"))
const locked: Readonly<Record<string, Locked>> = JSON.parse(readFileSync("package-lock.json", "utf8")).packages
const notice = readFileSync("NOTICE", "utf8")

/** Where a package is found from inside another, as Node looks for it. */
const locate = (from: string, name: string): string | undefined => {
  const path = `${from === "" ? "" : `${from}/`}node_modules/${name}`
  if (locked[path] !== undefined) return path
  return from === "" ? undefined : locate(from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/"))), name)
}

const seen = new Set<string>()
const visit = (path: string): void => {
  if (seen.has(path)) return
  seen.add(path)
  const { dependencies = {}, optionalDependencies = {} } = locked[path] ?? {}
  for (const name of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) {
    const found = locate(path, name)
    if (found !== undefined) visit(found)
  }
}
for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies)]) {
  const path = locate("", name)
  if (path === undefined) throw new Error(`${name} is not in the lockfile`)
  visit(path)
}

/** Whether an SPDX expression can be satisfied by the licences allowed. */
const isAllowed = (expression: string): boolean => {
  const plain = expression.replace(/[()]/g, "")
  return plain.split(" OR ").some((option) => option.split(" AND ").every((part) => allowed.includes(part.trim())))
}

const problems = [
  ...[...seen].flatMap((path) => {
    const licence = locked[path]?.license ?? "none"
    return isAllowed(licence) ? [] : [`${path} has the licence "${licence}"`]
  }),
  ...Object.keys(dependencies)
    .filter((name) => !notice.includes(name))
    .map((name) => `NOTICE does not name ${name}`)
]
for (const problem of problems) console.error(problem)
if (problems.length === 0) console.log(`licences: ${seen.size} packages, all of them allowed`)
process.exit(problems.length === 0 ? 0 : 1)
