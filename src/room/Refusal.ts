import * as Data from "effect/Data"

/**
 * The HTTP answer to a dial that is not let in: status and plain text, as in a LiveKit server.
 *
 * @category errors
 */
export class Refusal extends Data.TaggedError("Refusal")<{ readonly status: number; readonly body: string }> {
  override get message() {
    return `${this.status} ${this.body}`
  }
}
