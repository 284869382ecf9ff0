/**
 * What a failure means for the session it ended.
 *
 * - `Resume`: the server still knows the session; a new signal connection may take it up again.
 * - `Restart`: the session is gone; join afresh (perhaps in another region).
 * - `GiveUp`: trying again cannot help; the application has to act.
 *
 * @category models
 */
export type Recovery = "Resume" | "Restart" | "GiveUp"
