/**
 * A contestant in a process of its own.
 */
import { Effect, type Scope } from "effect"
import * as Child from "../test/clients/Child.ts"
import type { Contestant, Response, Results, Task } from "./Task.ts"

export interface Worker {
  readonly run: <Tag extends Task["_tag"]>(
    task: Extract<Task, { readonly _tag: Tag }>
  ) => Effect.Effect<Results[Tag], Child.ChildError>
}

export const make = Effect.fnUntraced(function* (contestant: Contestant): Effect.fn.Return<Worker, never, Scope.Scope> {
  const child = yield* Child.make<Task, Response>("bench/clientProcess.ts", [contestant], {
    nodeOptions: ["--expose-gc"]
  })
  return {
    // The worker answers each task with its result: `Results` is what both were written by.
    run: (task) => Effect.map(child.ask(task), ({ result }) => result as Results[typeof task._tag])
  }
})
