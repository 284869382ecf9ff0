/**
 * The regions of a server, by the time an HTTP request takes.
 */
import { RegionSettings } from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { HttpGet } from "../../HttpGet.ts"
import { ok, type Outcome, skipped, warning } from "./Check.ts"

const overHttp = (url: URL): URL => {
  const http = new URL(url)
  if (url.protocol === "wss:") http.protocol = "https:"
  if (url.protocol === "ws:") http.protocol = "http:"
  return http
}

/** Milliseconds of the faster of two requests: the first has to connect. */
const latency = Effect.fnUntraced(
  function* (url: URL) {
    const get = yield* HttpGet
    const once = Effect.gen(function* () {
      const started = yield* Clock.currentTimeMillis
      yield* get(url.href, {})
      return (yield* Clock.currentTimeMillis) - started
    }).pipe(Effect.timeout(5_000))
    return Math.min(yield* once, yield* once)
  },
  Effect.orElseSucceed(() => undefined)
)

export const checkRegions = Effect.fnUntraced(function* (
  url: URL,
  token: Redacted.Redacted<string>
): Effect.fn.Return<Outcome, never, HttpGet> {
  const get = yield* HttpGet
  const settings = overHttp(new URL("/settings/regions", url))
  const answer = yield* get(settings.href, { authorization: `Bearer ${Redacted.value(token)}` }).pipe(
    Effect.timeout(5_000),
    Effect.orElseSucceed(() => undefined)
  )
  if (answer === undefined) return warning("the server did not answer when asked for its regions")
  const regions = answer.status === 200 ? parse(answer.body) : undefined
  if (regions === undefined)
    return skipped(`the server names no regions (${answer.status}); only LiveKit Cloud has them`)
  const measured = yield* Effect.forEach(
    regions.regions.filter(({ url }) => URL.canParse(url)),
    ({ region, url }) => Effect.map(latency(overHttp(new URL(url))), (millis) => ({ region, url, millis })),
    { concurrency: 4 }
  )
  if (measured.length === 0) return warning("the server's list of regions is empty")
  const sorted = measured.sort((a, b) => (a.millis ?? Infinity) - (b.millis ?? Infinity))
  const verdict = sorted.map(
    ({ millis, region }) => `${region} ${millis === undefined ? "does not answer" : `${millis} ms`}`
  )
  const isAnyDead = sorted.some(({ millis }) => millis === undefined)
  return (isAnyDead ? warning : ok)(verdict.join(", "), { regions: sorted })
})

const parse = (body: string): RegionSettings | undefined => {
  try {
    return RegionSettings.fromJsonString(body, { ignoreUnknownFields: true })
  } catch {
    return undefined
  }
}
