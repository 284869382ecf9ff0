/**
 * Where else a session could be joined: the regions that LiveKit Cloud names, nearest first (RU1-RU11).
 */
import { RegionSettings } from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { HttpGet } from "./HttpGet.ts"
import { redactCause } from "./internal/redact.ts"
import { FetchFailed, NotCloud, RegionError, Unauthorized } from "./RegionError.ts"
import * as SignalUrl from "./SignalUrl.ts"

/**
 * Which region is wanted.
 *
 * @category models
 */
export interface NextOptions {
  /** The URL that the application connects to. */
  readonly url: string
  readonly token: Redacted.Redacted<string>
  /** Region URLs that were tried in this outage. */
  readonly attempted: ReadonlySet<string>
}

/**
 * Names the regions in which a session could be joined.
 *
 * @category services
 */
export class RegionUrlProvider extends Context.Service<
  RegionUrlProvider,
  {
    /** Whether the host of a URL is one that has regions (RU1). */
    readonly hasRegions: (url: string) => boolean
    /**
     * The first region, in the server's order, that was not attempted; none when all were (RU7).
     *
     * @throws RegionError `Unauthorized`, `FetchFailed`, `NotCloud`
     */
    readonly next: (options: NextOptions) => Effect.Effect<Option.Option<string>, RegionError>
    /** Takes the regions that the server reported with a leave (RU9). */
    readonly report: (url: string, regions: RegionSettings) => Effect.Effect<void>
  }
>()("effect-livekit/RegionUrlProvider") {}

interface Cached {
  readonly urls: ReadonlyArray<string>
  readonly expiresAt: number
}

/** Milliseconds for the request. */
const fetchTimeout = 3_000
/** Milliseconds that a list is used when the server does not say: for LiveKit Cloud, and for others (RU4). */
const cloudAge = 5_000
const otherAge = 30_000

const isCloud = (hostname: string) => hostname.endsWith(".livekit.cloud") || hostname.endsWith(".livekit.run")

/**
 * Makes a provider that remembers lists for as long as the server says.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (options: {
  /** `cloud` never asks a host that is not LiveKit Cloud; `any` asks every host. */
  readonly hosts: "cloud" | "any"
}): Effect.fn.Return<RegionUrlProvider["Service"], never, HttpGet> {
  const httpGet = yield* HttpGet
  const cache = yield* Ref.make<ReadonlyMap<string, Cached>>(new Map())
  // One request at a time; who waited finds the list in the cache.
  const turn = yield* Semaphore.make(1)

  const parse = (url: string) => Result.getOrUndefined(SignalUrl.parse(url))
  const hasRegions = (url: string) => {
    const parsed = parse(url)
    return parsed !== undefined && (options.hosts === "any" || isCloud(parsed.hostname))
  }
  const store = (host: string, urls: ReadonlyArray<string>, age: number) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Ref.update(cache, (all) => new Map([...all, [host, { urls, expiresAt: now + age }]]))
    )

  const fetchRegions = Effect.fnUntraced(function* (url: URL, token: Redacted.Redacted<string>) {
    const secret = Redacted.value(token)
    const target = new URL("/settings/regions", url)
    target.protocol = url.protocol === "wss:" ? "https:" : "http:"
    target.username = ""
    target.password = ""
    const unavailable = (status: number | undefined, cause: unknown) =>
      new RegionError({ reason: new FetchFailed({ status, cause: redactCause(cause, secret) }) })
    const answer = yield* httpGet(target.href, { authorization: `Bearer ${secret}` }).pipe(
      Effect.timeout(fetchTimeout),
      Effect.mapError((error) => unavailable(undefined, error._tag === "HttpGetError" ? error.cause : error))
    )
    if (answer.status === 401 || answer.status === 403) {
      return yield* new RegionError({ reason: new Unauthorized({ status: answer.status }) })
    }
    if (answer.status < 200 || answer.status >= 300) {
      return yield* unavailable(answer.status, new Error(answer.body))
    }
    const settings = yield* Effect.try({
      try: () => RegionSettings.fromJsonString(answer.body, { ignoreUnknownFields: true }),
      catch: (cause) => unavailable(answer.status, cause)
    })
    const urls = settings.regions.map((region) => region.url).filter((region) => region !== "")
    const age = maxAge(answer.cacheControl) ?? (isCloud(url.hostname) ? cloudAge : otherAge)
    yield* store(url.host, urls, age)
    return urls
  })

  const regionsOf = (url: URL, token: Redacted.Redacted<string>) =>
    turn.withPermit(
      Effect.gen(function* () {
        const cached = (yield* Ref.get(cache)).get(url.host)
        if (cached !== undefined && cached.expiresAt > (yield* Clock.currentTimeMillis)) return cached.urls
        // An old list is better than none.
        return yield* fetchRegions(url, token).pipe(
          Effect.catch((error) =>
            cached !== undefined && error.reason._tag === "FetchFailed"
              ? Effect.succeed(cached.urls)
              : Effect.fail(error)
          )
        )
      })
    )

  return {
    hasRegions,
    next: Effect.fn("RegionUrlProvider.next")(function* ({ attempted, token, url }: NextOptions) {
      const parsed = parse(url)
      if (parsed === undefined || !hasRegions(url)) {
        return yield* new RegionError({ reason: new NotCloud({ host: parsed?.host ?? "the URL" }) })
      }
      const urls = yield* regionsOf(parsed, token)
      return Option.fromUndefinedOr(urls.find((region) => !attempted.has(region)))
    }),
    report: (url, regions) => {
      const parsed = parse(url)
      const urls = regions.regions.map((region) => region.url).filter((region) => region !== "")
      return parsed === undefined || urls.length === 0
        ? Effect.void
        : store(parsed.host, urls, isCloud(parsed.hostname) ? cloudAge : otherAge)
    }
  }
})

/** Seconds of `max-age`, as milliseconds; 0 counts as not said. */
const maxAge = (cacheControl: string | undefined): number | undefined => {
  const seconds = Number(/max-age=(\d+)/i.exec(cacheControl ?? "")?.[1] ?? 0)
  return seconds > 0 ? seconds * 1000 : undefined
}

/**
 * Asks LiveKit Cloud hosts only.
 *
 * @category layers
 */
export const layer: Layer.Layer<RegionUrlProvider, never, HttpGet> = Layer.effect(
  RegionUrlProvider,
  make({ hosts: "cloud" })
)

/**
 * Asks every host: for regions of your own, and for tests.
 *
 * @category layers
 */
export const layerAnyHost: Layer.Layer<RegionUrlProvider, never, HttpGet> = Layer.effect(
  RegionUrlProvider,
  make({ hosts: "any" })
)

/**
 * Has no regions and asks nobody.
 *
 * @category layers
 */
export const layerNoop: Layer.Layer<RegionUrlProvider> = Layer.succeed(RegionUrlProvider, {
  hasRegions: () => false,
  next: () => Effect.succeedNone,
  report: () => Effect.void
})
