/**
 * Runs an effect to its end in one synchronous call: when nothing is left to do, time jumps to the next sleeper. Every task and
 * every sleeper is in one queue each, so the same effect runs in the same order each time; and what is left of it is counted.
 */
import { Cause, Clock, Context, Duration, Effect, Exit, Metric, References, Scheduler } from "effect"

export interface Counts {
  readonly fibers: number
  readonly timers: number
}

export interface Outcome<A, E> {
  /** Absent when the effect never ended. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** Why it never ended: nobody will wake it, it ran on without time passing, or its time was up. */
  readonly hung: "asleep" | "busy" | "late" | undefined
  /** Virtual milliseconds. */
  readonly millis: number
  readonly left: Counts
  readonly defects: ReadonlyArray<unknown>
}

interface Sleeper {
  readonly at: number
  readonly order: number
  wake: (() => void) | undefined
}

const isBefore = (a: Sleeper, b: Sleeper) => a.at < b.at || (a.at === b.at && a.order < b.order)

/** A binary heap; those who no longer wait are dropped when their turn comes. */
class Sleepers {
  readonly #heap: Array<Sleeper> = []

  push(sleeper: Sleeper) {
    const heap = this.#heap
    let index = heap.push(sleeper) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(sleeper, parent)) break
      heap[index] = parent
      index = above
    }
    heap[index] = sleeper
  }

  pop(): Sleeper | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      let least = last
      let next = index
      for (const at of [left, left + 1]) {
        const child = heap[at]
        if (child !== undefined && isBefore(child, least)) {
          least = child
          next = at
        }
      }
      if (next === index) break
      heap[index] = least
      index = next
    }
    heap[index] = last
    return top
  }
}

/** More tasks than any of our programs has without waiting for time. */
const busy = 1_000_000

export class VirtualRuntime implements Clock.Clock, Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "sync"
  readonly #sleepers = new Sleepers()
  readonly #counts = { fibers: 0, timers: 0 }
  readonly #defects: Array<unknown> = []
  #tasks: Array<() => void> = []
  #next = 0
  #now = 0
  /** Called before every task. */
  onTask: () => void = () => {}
  #order = 0

  readonly context: Context.Context<never>

  /** `opsBeforeYield`: after how many steps a fiber lets the others have a turn; the fewer, the more they come between each other. */
  constructor({ opsBeforeYield = 2_048 }: { readonly opsBeforeYield?: number } = {}) {
    this.context = Context.make(Clock.Clock, this).pipe(
      Context.add(Scheduler.Scheduler, this),
      Context.add(References.MaxOpsBeforeYield, opsBeforeYield),
      Context.add(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => void this.#counts.fibers++,
        recordFiberEnd: (_context, exit) => {
          this.#counts.fibers--
          if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) this.#defects.push(Cause.squash(exit.cause))
        }
      })
    )
  }

  /** What is alive now. */
  counts(): Counts {
    return { ...this.#counts }
  }

  shouldYield({ cache, currentOpCount }: Parameters<Scheduler.Scheduler["shouldYield"]>[0]) {
    return currentOpCount >= cache.maxOpsBeforeYield
  }
  makeDispatcher() {
    return this
  }
  scheduleTask(task: () => void) {
    this.#tasks.push(task)
  }
  flush() {
    this.#drain()
  }

  currentTimeMillisUnsafe() {
    return this.#now
  }
  readonly currentTimeMillis = Effect.sync(() => this.#now)
  currentTimeNanosUnsafe() {
    return BigInt(Math.floor(this.#now * 1_000_000))
  }
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  monotonicTimeNanosUnsafe() {
    return this.currentTimeNanosUnsafe()
  }
  readonly monotonicTimeNanos = this.currentTimeNanos
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback<void>((resume) => {
      const sleeper: Sleeper = { at: this.#now + millis, order: this.#order++, wake: () => resume(Effect.void) }
      this.#counts.timers++
      this.#sleepers.push(sleeper)
      return Effect.sync(() => {
        if (sleeper.wake === undefined) return
        sleeper.wake = undefined
        this.#counts.timers--
      })
    })
  }

  /** False when it would never end. */
  #drain(): boolean {
    let done = 0
    while (this.#next < this.#tasks.length) {
      const task = this.#tasks[this.#next++]
      if (this.#next > 4_096) {
        this.#tasks = this.#tasks.slice(this.#next)
        this.#next = 0
      }
      this.onTask()
      task?.()
      if (++done > busy) return false
    }
    this.#tasks = []
    this.#next = 0
    return true
  }

  #wakeNext(): boolean {
    for (;;) {
      const sleeper = this.#sleepers.pop()
      if (sleeper === undefined) return false
      const { wake } = sleeper
      if (wake === undefined) continue
      this.#now = Math.max(this.#now, sleeper.at)
      sleeper.wake = undefined
      this.#counts.timers--
      wake()
      return true
    }
  }

  /** Runs until the effect ends, and then what it left until only sleepers are left. */
  run<A, E>(effect: Effect.Effect<A, E>, options: { readonly limit: Duration.Duration }): Outcome<A, E> {
    const limit = Duration.toMillis(options.limit)
    const fiber = Effect.runForkWith(this.context)(effect)
    let hung: Outcome<A, E>["hung"]
    while (hung === undefined) {
      if (!this.#drain()) hung = "busy"
      else if (fiber.pollUnsafe() !== undefined) break
      else if (!this.#wakeNext()) hung = "asleep"
      else if (this.#now > limit) hung = "late"
    }
    return { exit: fiber.pollUnsafe(), hung, millis: this.#now, left: this.counts(), defects: this.#defects }
  }
}
