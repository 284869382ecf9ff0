/** Writes the version of package.json where the library tells servers of it. */
import { readFileSync, writeFileSync } from "node:fs"

const file = "src/internal/version.ts"
const { version } = JSON.parse(readFileSync("package.json", "utf8"))
writeFileSync(
  file,
  readFileSync(file, "utf8").replace(
    /^export const version = .*$/m,
    `export const version = ${JSON.stringify(version)}`
  )
)
