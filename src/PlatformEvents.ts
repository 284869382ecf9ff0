/**
 * What the platform knows and no connection tells: that the network went or came back, that the machine slept, that the program
 * is about to end. A seam like the others: browsers have it, tests can have it, Node has none.
 */
import * as Context from "effect/Context"

/**
 * - `Offline`, `Online`: the network went, or came, or another one took its place. Hints, and often wrong: what they lead to is a
 *   probe of the connection.
 * - `Awake`: the program did not run for a while.
 * - `Ending`: the program ends when this event has been handled. Connections are closed, and the server is told.
 *
 * @category models
 */
export type PlatformEvent = "Offline" | "Online" | "Awake" | "Ending"

/**
 * Where what the platform says comes from.
 *
 * @category models
 */
export interface PlatformEventSource {
  /** Calls the listener at every event until the returned function is called. */
  readonly subscribe: (listener: (event: PlatformEvent) => void) => () => void
}

/**
 * The events of the platform. A reference, so that an engine needs no layer for it. Default: none.
 *
 * @example
 * ```ts
 * import { PlatformEvents } from "effect-livekit"
 * import { Layer } from "effect"
 *
 * // A device that says when its modem has a new address.
 * const layer = (modem: EventTarget) =>
 *   Layer.succeed(PlatformEvents.PlatformEvents, {
 *     subscribe: (listener) => {
 *       const tell = () => listener("Online")
 *       modem.addEventListener("address", tell)
 *       return () => modem.removeEventListener("address", tell)
 *     }
 *   })
 * ```
 *
 * @category services
 */
export const PlatformEvents = Context.Reference<PlatformEventSource>("effect-livekit/PlatformEvents", {
  defaultValue: () => ({ subscribe: () => () => {} })
})
