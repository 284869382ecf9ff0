import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import { failed } from "./CommandFailed.ts"

export const timeline = (_: { readonly file: string; readonly output: Option.Option<string> }) =>
  Effect.fail(failed("not yet"))
