/**
 * A command could not do what it was asked to: one line for the terminal, and the exit code.
 */
import * as Data from "effect/Data"

export class CommandFailed extends Data.TaggedError("CommandFailed")<{
  readonly message: string
  /** 1 when the command could not be carried out, 2 when it was, and found that something is wrong. */
  readonly exitCode: 1 | 2
}> {}

export const failed = (message: string): CommandFailed => new CommandFailed({ message, exitCode: 1 })
