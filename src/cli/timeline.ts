/**
 * `effect-livekit timeline`: a recording of an engine as a page.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { readFile, writeFile } from "node:fs/promises"
import * as FlightRecording from "../FlightRecording.ts"
import { counted } from "../internal/counted.ts"
import { failed } from "./CommandFailed.ts"
import { render } from "./timelinePage.ts"

export const timeline = Effect.fnUntraced(function* (flags: {
  readonly file: string
  readonly output: Option.Option<string>
}) {
  const text = yield* Effect.tryPromise({
    try: () => readFile(flags.file, "utf8"),
    catch: (cause) => failed(`cannot read ${flags.file}: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
  const recording = yield* Schema.decodeEffect(FlightRecording.FromJson)(text).pipe(
    Effect.mapError(({ message }) => failed(`${flags.file} is no recording: ${message.replaceAll(/\s*\n\s*/g, " ")}`))
  )
  const output = Option.getOrElse(flags.output, () => `${flags.file.replace(/\.json$/, "")}.html`)
  yield* Effect.tryPromise({
    try: () => writeFile(output, render(recording)),
    catch: (cause) => failed(`cannot write ${output}: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
  yield* Effect.sync(
    () => void process.stdout.write(`${output}: ${counted(recording.entries.length, "entry", "entries")}\n`)
  )
})
