/**
 * What is said between a test and a client in a process of its own. Native clients crash at times, and some need globals that
 * nobody else should see.
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
  readonly command: Command
}

export type Report =
  | { readonly _tag: "Done"; readonly id: number; readonly error: string | undefined }
  | { readonly _tag: "Data"; readonly data: Data }
  | { readonly _tag: "Change"; readonly change: Change }
