/**
 * Worker threads that share out tasks: each takes the next when it has done one.
 */
import { Worker } from "node:worker_threads"
import { bugs } from "./bugs.ts"
import type { Batched, Done, Task } from "./tasks.ts"
import type { WorkerData } from "./worker.ts"

const open = (bug: string | undefined) => {
  const data: WorkerData = { bug, edits: bugs.find(({ name }) => name === bug)?.edits ?? [] }
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: data })
  const ask = (task: Task) =>
    new Promise<Done>((resolve, reject) => {
      worker.once("error", reject)
      worker.once("message", (done: Done) => {
        worker.off("error", reject)
        resolve(done)
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(task)
    })
  return { ask, close: () => worker.terminate() }
}

/** Asks a worker of its own for one thing. */
export const ask = async (task: Task, bug?: string): Promise<Extract<Done, { readonly _tag: "Text" }>> => {
  const worker = open(bug)
  try {
    const done = await worker.ask(task)
    if (done._tag !== "Text") throw new Error("a batch was asked for where a text is expected")
    return done
  } finally {
    await worker.close()
  }
}

type Batch = Extract<Task, { readonly _tag: "Batch" }>

/** Runs batches on several workers. */
export const batches = async (
  all: Iterator<Batch>,
  options: {
    readonly jobs: number
    readonly bug?: string | undefined
    readonly onBatch: (batched: Batched, worker: number) => void
  }
): Promise<void> => {
  const work = async (index: number) => {
    const worker = open(options.bug)
    try {
      for (let next = all.next(); next.done !== true; next = all.next()) {
        const done = await worker.ask(next.value)
        if (done._tag === "Batched") options.onBatch(done, index)
      }
    } finally {
      await worker.close()
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, (_, index) => work(index)))
}
