/**
 * The page's side of the controls.
 */
import { Effect } from "effect"
import type { Controls } from "./Controls.ts"

/** Asks for a control at a base URL. That it fails is a defect, whose message is for whoever sits before the page. */
export const controlled =
  (base: string) =>
  <Name extends keyof Controls>(
    name: Name,
    options: Parameters<Controls[Name]>[0]
  ): Effect.Effect<ReturnType<Controls[Name]>> =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${base}/control/${name}`, {
        method: "POST",
        body: JSON.stringify(options),
        signal
      }).catch((cause: unknown) => {
        throw new Error(`nobody answers at ${base}; start it again, and load the page again`, { cause })
      })
      const result: ReturnType<Controls[Name]> = await response.json()
      if (!response.ok) throw new Error(String(result))
      return result
    })
