import * as Effect from "effect/Effect"

/** Compresses by `CompressionStream`; absent where the browser has none. */
export const gzip = (): ((bytes: Uint8Array) => Effect.Effect<Uint8Array>) | undefined =>
  typeof globalThis.CompressionStream === "function" ? (bytes) => Effect.promise(() => compress(bytes)) : undefined

const compress = async (bytes: Uint8Array) => {
  const compressed = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new CompressionStream("gzip"))
  return new Uint8Array(await new Response(compressed).arrayBuffer())
}
