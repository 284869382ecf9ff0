/**
 * `effect-livekit doctor`: shows the findings as they come, or as JSON at the end.
 */
import * as Effect from "effect/Effect"
import { oneLine } from "../internal/redact.ts"
import { CommandFailed } from "./CommandFailed.ts"
import type { Check, Listener } from "./doctor/Check.ts"
import { diagnose } from "./doctor/diagnose.ts"
import * as target from "./target.ts"

export interface DoctorFlags extends target.Credentials {
  readonly url: string
  readonly json: boolean
}

export const doctor = Effect.fnUntraced(function* (flags: DoctorFlags) {
  const tokens = yield* target.tokens(flags)
  const checks = yield* diagnose(flags.url, tokens, flags.json ? silent : terminal)
  const bad = checks.filter(({ status }) => status === "failed")
  const healthy = bad.length === 0
  yield* write(
    flags.json
      ? `${JSON.stringify({ url: origin(flags.url), healthy, checks }, null, 2)}\n`
      : `\n${summary(checks, bad)}\n`
  )
  // Said already: the exit code is all there is to add.
  if (!healthy) return yield* new CommandFailed({ message: "", exitCode: 2 })
})

const summary = (checks: ReadonlyArray<Check>, bad: ReadonlyArray<Check>): string => {
  if (bad.length > 0) return `Something is wrong: ${bad.map(({ name }) => name).join(", ")}.`
  const warnings = checks.filter(({ status }) => status === "warning")
  return warnings.length === 0
    ? "All is well."
    : `Nothing failed. See to: ${warnings.map(({ name }) => name).join(", ")}.`
}

/** Without what may be secret in a URL: user, password, query. */
const origin = (url: string): string => {
  if (!URL.canParse(url)) return url
  const { host, pathname, protocol } = new URL(url)
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`
}

const write = (text: string) => Effect.sync(() => void process.stdout.write(text))

const silent: Listener = { started: () => Effect.void, finished: () => Effect.void }

const marks: Readonly<Record<Check["status"], string>> = {
  ok: "ok     ",
  warning: "warning",
  failed: "FAILED ",
  skipped: "-      "
}

const terminal: Listener = {
  started: (name) => (process.stdout.isTTY ? write(`        ${name.padEnd(13)}...`) : Effect.void),
  finished: ({ millis, name, status, verdict }) =>
    write(
      `${process.stdout.isTTY ? "\r\u001b[2K" : ""}${marks[status]} ${name.padEnd(13)} ${oneLine(verdict)} (${millis} ms)\n`
    )
}
