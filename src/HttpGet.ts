/**
 * The seam to HTTP: one function that does a GET. The engine asks a server's `validate` route why a dial failed, and LiveKit
 * Cloud for its regions; nothing more.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * No answer came: name not found, connection refused, TLS failure.
 *
 * @category errors
 */
export class HttpGetError extends Data.TaggedError("HttpGetError")<{ readonly cause: unknown }> {
  override get message() {
    return "the HTTP request got no answer"
  }
}

/**
 * An answer, whatever its status.
 *
 * @category models
 */
export interface HttpAnswer {
  readonly status: number
  readonly body: string
  /** Value of the `Cache-Control` header, if any. */
  readonly cacheControl: string | undefined
}

/**
 * Does a GET with headers. Any status is an answer; only what got none fails.
 *
 * @category services
 */
export class HttpGet extends Context.Service<
  HttpGet,
  (url: string, headers: Readonly<Record<string, string>>) => Effect.Effect<HttpAnswer, HttpGetError>
>()("effect-livekit/HttpGet") {}

/**
 * Provides a function of the shape of `fetch`. Interrupting the effect aborts the request.
 *
 * @category layers
 */
export const layerFetch = (fetch: typeof globalThis.fetch): Layer.Layer<HttpGet> =>
  Layer.succeed(HttpGet, (url, headers) =>
    Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(url, { headers, signal })
        const body = await response.text()
        return { status: response.status, body, cacheControl: response.headers.get("cache-control") ?? undefined }
      },
      catch: (cause) => new HttpGetError({ cause })
    })
  )
