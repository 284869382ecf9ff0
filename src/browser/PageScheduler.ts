/**
 * How fibers take turns in a page.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MixedScheduler, Scheduler } from "effect/Scheduler"

interface Turn {
  take: (() => void) | undefined
}

/** A turn is a message to oneself, which browsers deliver at once, in a hidden tab too. */
const messageTurns = () => {
  const { port1, port2 } = new MessageChannel()
  const turns: Array<Turn> = []
  port1.addEventListener("message", () => turns.shift()?.take?.())
  port1.start()
  return (take: () => void) => {
    const turn: Turn = { take }
    turns.push(turn)
    port2.postMessage(undefined)
    return () => {
      turn.take = undefined
    }
  }
}

/**
 * Lets fibers take turns by messages. Effect itself uses `setImmediate`, which browsers do not have, and then `setTimeout`, which
 * they make at least 4 ms long when it is nested (HTML, "timer initialization steps"), and a second or a minute long in a tab that
 * is hidden. Does nothing where there is `setImmediate`.
 *
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.unwrap(
  Effect.sync(() =>
    "setImmediate" in globalThis || typeof globalThis.MessageChannel !== "function"
      ? Layer.empty
      : Layer.succeed(Scheduler, new MixedScheduler("async", messageTurns()))
  )
)
