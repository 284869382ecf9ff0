/**
 * How an engine comes back: a schedule of delays and a decision by evidence. Either half can be replaced.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { DisconnectCause } from "./DisconnectCause.ts"
import type { Recovery } from "./Recovery.ts"

/**
 * What is known when the next attempt is decided.
 *
 * @category models
 */
export interface Evidence {
  /** Number of the attempt to be decided, from 1. */
  readonly attempt: number
  /** What ended the connection. */
  readonly cause: DisconnectCause
  /** The strongest recovery that the causes and failures of this outage ask for. */
  readonly asked: Recovery
  /** The needed peer connections are up: the session lives on at the server. */
  readonly pathAlive: boolean
  /** The runtime and the session allow a resume at all. */
  readonly resumable: boolean
}

/**
 * When to try, what to try, and for how long.
 *
 * @category models
 */
export interface Policy {
  /** Delay before each attempt; its end is the end of trying. */
  readonly schedule: Schedule.Schedule<unknown, Evidence>
  readonly decide: (evidence: Evidence) => Recovery
  /** Milliseconds after which an outage ends, even in the middle of an attempt. */
  readonly timeLimit: number
}

const slowest = 5_000

/**
 * At once, then after jittered delays that grow with the time already lost, up to 5 s: what was down for 3 s is tried every
 * few hundred milliseconds, what was down for half a minute every few seconds.
 *
 * @category schedules
 */
export const growing: Schedule.Schedule<number> = Schedule.forever.pipe(
  Schedule.modifyDelay(({ attempt, elapsed }) =>
    attempt === 1
      ? Effect.succeed(Duration.zero)
      : Effect.map(Random.nextBetween(0.5, 1), (jitter) =>
          Duration.millis(jitter * Math.min(slowest, 50 + elapsed * 0.12))
        )
  )
)

/**
 * Resumes while the server may still know the session, and joins afresh once it refuses or the path is dead.
 *
 * @category decisions
 */
export const decideByEvidence = ({ asked, attempt, pathAlive, resumable }: Evidence): Recovery => {
  if (asked !== "Resume") return asked
  if (!resumable) return "Restart"
  return pathAlive || attempt === 1 ? "Resume" : "Restart"
}

/**
 * The default policy.
 *
 * @category policies
 */
export const byEvidence: Policy = { schedule: growing, decide: decideByEvidence, timeLimit: 60_000 }

/**
 * The delays of the reference engine: min(5000, 100 + 500 n^2) ms, 10 attempts (S86, S89).
 *
 * @category schedules
 */
export const quadratic: Schedule.Schedule<number> = Schedule.forever.pipe(
  Schedule.modifyDelay(({ attempt }) =>
    Effect.succeed(Duration.millis(Math.min(slowest, 100 + 500 * (attempt - 1) ** 2)))
  ),
  Schedule.upTo({ times: 10 })
)

/**
 * Overrides the choice between resume and full reconnect, for tests (S90).
 *
 * @category models
 */
export type ReconnectType = "Default" | "ForceSoft" | "ForceFull"

/**
 * The policy of the reference engine: one resume, then full reconnects (S86-S91, S107).
 *
 * @category policies
 */
export const reference = (type: ReconnectType = "Default"): Policy => ({
  schedule: quadratic,
  decide: ({ asked, attempt }) => {
    if (type === "ForceSoft") return "Resume"
    if (type === "ForceFull") return "Restart"
    return attempt === 1 && asked === "Resume" ? "Resume" : "Restart"
  },
  timeLimit: 60_000
})

/**
 * The policy in force. A reference, so that an engine needs no layer for it.
 *
 * @example
 * ```ts
 * import { ReconnectPolicy } from "effect-livekit"
 * import { Layer, Schedule } from "effect"
 *
 * const everySecond = Layer.succeed(ReconnectPolicy.ReconnectPolicy, {
 *   ...ReconnectPolicy.byEvidence,
 *   schedule: Schedule.spaced("1 second")
 * })
 * ```
 *
 * @category services
 */
export const ReconnectPolicy = Context.Reference<Policy>("effect-livekit/ReconnectPolicy", {
  defaultValue: () => byEvidence
})

/**
 * Provides a policy; give it to the layer of the engine.
 *
 * @category layers
 */
export const layer = (policy: Policy): Layer.Layer<never> => Layer.succeed(ReconnectPolicy, policy)

/**
 * Provides the policy of the reference engine, {@link reference}.
 *
 * @category layers
 */
export const layerReference: Layer.Layer<never> = layer(reference())
