/**
 * What has been learnt during one outage, folded from everything that happened: no cause is dropped, whenever it comes.
 */
import * as DisconnectCause from "./DisconnectCause.ts"
import type { Recovery } from "./Recovery.ts"

/**
 * What is known of an outage.
 *
 * @category models
 */
export interface ReconnectPlan {
  /** What started the outage; told to users if it cannot be mended. */
  readonly cause: DisconnectCause.DisconnectCause
  /** What ended it, if that was a goodbye. */
  readonly goodbye: DisconnectCause.DisconnectCause | undefined
  readonly attempts: number
  readonly asked: Recovery
  /** Somebody asked to try at once. */
  readonly urgent: boolean
}

/**
 * The plan at the first cause.
 *
 * @category constructors
 */
export const start = (cause: DisconnectCause.DisconnectCause): ReconnectPlan =>
  observe({ cause, goodbye: undefined, attempts: 0, asked: "Resume", urgent: false }, cause)

const rank: Readonly<Record<Recovery, number>> = { Resume: 0, Restart: 1, GiveUp: 2 }

/**
 * The stronger of two recoveries.
 *
 * @category combinators
 */
export const stronger = (a: Recovery, b: Recovery): Recovery => (rank[a] >= rank[b] ? a : b)

/**
 * A cause came before or during an attempt.
 *
 * @category transitions
 */
export const observe = (self: ReconnectPlan, cause: DisconnectCause.DisconnectCause): ReconnectPlan => {
  const recovery = DisconnectCause.recovery(cause)
  return {
    ...self,
    asked: stronger(self.asked, recovery),
    urgent: self.urgent || cause._tag === "Leave" || cause._tag === "Requested",
    goodbye: recovery === "GiveUp" && self.goodbye === undefined ? cause : self.goodbye
  }
}

/**
 * An attempt is about to be made.
 *
 * @category transitions
 */
export const attempted = (self: ReconnectPlan): ReconnectPlan => ({
  ...self,
  attempts: self.attempts + 1,
  urgent: false
})

/**
 * An attempt failed; `recovery` is that of its failure.
 *
 * @category transitions
 */
export const failed = (self: ReconnectPlan, recovery: Recovery): ReconnectPlan => ({
  ...self,
  asked: stronger(self.asked, recovery)
})
