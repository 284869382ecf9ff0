import * as Effect from "effect/Effect"
import { gzip as nodeGzip } from "node:zlib"

/** Compresses off the main thread. It can fail for want of memory only, which is a defect. */
export const gzip = (bytes: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.callback((resume) => {
    nodeGzip(bytes, (error, result) => resume(error === null ? Effect.succeed(result) : Effect.die(error)))
  })
