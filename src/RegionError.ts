/**
 * Failures of finding another region.
 */
import * as Data from "effect/Data"
import type { Recovery } from "./Recovery.ts"

/**
 * The token is refused, here and in every region.
 *
 * @category reasons
 */
export class Unauthorized extends Data.TaggedError("Unauthorized")<{ readonly status: number }> {
  readonly recovery: Recovery = "GiveUp"
  override get message() {
    return `the region list was refused with ${this.status}; the token is not valid`
  }
}

/**
 * The region list could not be had; the URL in use is kept.
 *
 * @category reasons
 */
export class FetchFailed extends Data.TaggedError("FetchFailed")<{
  /** Absent when no answer came. */
  readonly status: number | undefined
  readonly cause: unknown
}> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return this.status === undefined
      ? "the region list could not be fetched"
      : `the region list was answered with ${this.status} or could not be read`
  }
}

/**
 * The host is not one that has regions (RU3).
 *
 * @category reasons
 */
export class NotCloud extends Data.TaggedError("NotCloud")<{ readonly host: string }> {
  readonly recovery: Recovery = "Restart"
  override get message() {
    return `${this.host} is not a LiveKit Cloud host and is not asked for regions`
  }
}

/**
 * The one error of region choice.
 *
 * @category errors
 */
export class RegionError extends Data.TaggedError("RegionError")<{
  readonly reason: Unauthorized | FetchFailed | NotCloud
}> {
  override get message() {
    return this.reason.message
  }
  override readonly cause = this.reason
  get recovery(): Recovery {
    return this.reason.recovery
  }
}
