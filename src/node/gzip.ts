import * as Effect from "effect/Effect"
import { gzipSync } from "node:zlib"

/** A join request is small: another thread takes longer to wake up than this takes to run, and the dial waits for it. */
export const gzip = (bytes: Uint8Array): Effect.Effect<Uint8Array> => Effect.sync(() => gzipSync(bytes))
