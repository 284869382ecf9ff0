#!/usr/bin/env node
// The command as it was built or, in a checkout where nothing was built, its source.
import { existsSync } from "node:fs"

const built = new URL("../dist/cli.js", import.meta.url)
await import(existsSync(built) ? built.href : new URL("./cli.ts", import.meta.url).href)
