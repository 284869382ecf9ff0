/**
 * A worker thread. Its engine is loaded with the edits of a planted bug, if there is one; therefore nothing is imported before.
 */
import { readFileSync } from "node:fs"
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import { parentPort, workerData } from "node:worker_threads"
import type { PlantedBug } from "./PlantedBug.ts"
import type { Task } from "./tasks.ts"

export interface WorkerData {
  /** Name of a planted bug. */
  readonly bug: string | undefined
  readonly edits: NonNullable<PlantedBug["edits"]>
}

const { bug, edits }: WorkerData = workerData
const src = new URL("../../src/", import.meta.url).href

for (const { file, from } of edits) {
  if (!readFileSync(fileURLToPath(src + file), "utf8").includes(from)) {
    throw new Error(`the bug "${bug}" cannot be planted: src/${file} has no ${JSON.stringify(from)}`)
  }
}
registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context)
    const own = edits.filter(({ file }) => url === src + file)
    if (own.length === 0) return loaded
    const source = own.reduce((text, { from, to }) => text.replace(from, to), readFileSync(fileURLToPath(url), "utf8"))
    return { ...loaded, source }
  }
})

const tasks = await import("./tasks.ts")
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.on("message", (task: Task) => parentPort?.postMessage(tasks.run(task, bug)))
