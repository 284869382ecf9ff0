/**
 * What a page hears of its network and of itself.
 */
import * as Layer from "effect/Layer"
import { type PlatformEvent, PlatformEvents, type PlatformEventSource } from "../PlatformEvents.ts"

interface Source {
  readonly target: EventTarget | undefined
  readonly type: string
  /** `undefined` if it says nothing this time. */
  readonly meaning: () => PlatformEvent | undefined
}

const sources = (): ReadonlyArray<Source> => {
  const page = globalThis.document
  const global = typeof globalThis.addEventListener === "function" ? globalThis : undefined
  const becomesVisible = () => (page.visibilityState === "visible" ? "Awake" : undefined)
  return [
    { target: global, type: "online", meaning: () => "Online" },
    { target: global, type: "offline", meaning: () => "Offline" },
    // Wi-Fi after mobile data, where the browser tells.
    { target: networkInformation(), type: "change", meaning: () => "Online" },
    { target: page, type: "visibilitychange", meaning: becomesVisible },
    // The tab was frozen (Page Lifecycle).
    { target: page, type: "resume", meaning: () => "Awake" },
    { target: page === undefined ? undefined : global, type: "pagehide", meaning: () => "Ending" }
  ]
}

/** https://wicg.github.io/netinfo, which TypeScript does not know and Firefox and Safari do not have. */
const networkInformation = (): EventTarget | undefined => {
  const information: unknown = Reflect.get(globalThis.navigator ?? {}, "connection")
  return information instanceof EventTarget ? information : undefined
}

/**
 * The events of the page or worker this runs in: `online`, `offline`, a change of network, a tab that is shown again or thawed,
 * and the page going away (`pagehide`), at which connections end and the server is told. A page that comes back from the
 * back-forward cache finds its engine disconnected.
 *
 * @category constructors
 */
export const make = (): PlatformEventSource => ({
  subscribe: (listener) => {
    const subscriptions = sources().map(({ meaning, target, type }) => {
      const listen = () => {
        const event = meaning()
        if (event !== undefined) listener(event)
      }
      target?.addEventListener(type, listen)
      return () => target?.removeEventListener(type, listen)
    })
    return () => {
      for (const unsubscribe of subscriptions) unsubscribe()
    }
  }
})

/**
 * What the page says: its network, its sleep, its end.
 *
 * @category layers
 */
export const layer: Layer.Layer<never> = Layer.sync(PlatformEvents, make)
