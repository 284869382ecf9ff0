/**
 * The state of an engine as its users see it (S3), and which state may follow which.
 */

/**
 * - `Disconnected`: not connected, and not trying to be.
 * - `Connecting`: a first join is under way.
 * - `Connected`: signal up, the needed peer connections connected, their channels open. Said on evidence only.
 * - `Resuming`: the session is being taken up again; the media path may still carry data.
 * - `Reconnecting`: the session is lost and a new one is being joined.
 *
 * @category models
 */
export type ConnectionState = "Disconnected" | "Connecting" | "Connected" | "Resuming" | "Reconnecting"

/**
 * Whether an engine in state `from` may go to state `to`.
 *
 * @category predicates
 */
export const mayFollow = (from: ConnectionState, to: ConnectionState): boolean => successors[from].includes(to)

const successors: Readonly<Record<ConnectionState, ReadonlyArray<ConnectionState>>> = {
  Disconnected: ["Connecting"],
  Connecting: ["Connected", "Disconnected"],
  Connected: ["Resuming", "Reconnecting", "Disconnected"],
  Resuming: ["Connected", "Reconnecting", "Disconnected"],
  Reconnecting: ["Connected", "Disconnected"]
}
