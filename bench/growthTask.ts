/**
 * What a process that holds many sessions is asked to do.
 */
export type Task =
  | { readonly _tag: "Join"; readonly url: string; readonly tokens: ReadonlyArray<string> }
  | {
      readonly _tag: "Send"
      /** Reliable packets of all sessions together, in bursts of each in turn. */
      readonly count: number
      /** Bytes. */
      readonly size: number
      /** To one participant; to everybody in the room if absent. */
      readonly to?: string
    }
  | { readonly _tag: "Spent" }

export interface Request {
  readonly id: number
  readonly request: Task
}

export interface Response {
  readonly id: number
  readonly error: string | undefined
  /** Microseconds since the process began. */
  readonly cpu: number
  /** Packets of all sessions together since the process began. */
  readonly received: number
}
