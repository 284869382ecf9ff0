/**
 * What is said between a test and a client in a process of its own.
 */
import type { Change, Data } from "./Client.ts"

export type Library = "rtc-node" | "livekit-client single" | "livekit-client dual"

export type Command =
  | { readonly _tag: "Connect"; readonly url: string; readonly token: string }
  /** Sends numbers in words, reliably. */
  | { readonly _tag: "SendNumbers"; readonly from: number; readonly to: number; readonly spacing: number }
  | { readonly _tag: "Disconnect" }

export interface Request {
  readonly id: number
  readonly request: Command
}

/** What a client tells unasked. */
export type Report =
  | { readonly _tag: "Data"; readonly data: Data }
  | { readonly _tag: "Change"; readonly change: Change }
