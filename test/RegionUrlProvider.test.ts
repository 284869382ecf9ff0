import { assert, describe, it } from "@effect/vitest"
import { RegionInfo, RegionSettings } from "@livekit/protocol"
import { Deferred, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as FastCheck from "fast-check"
import { inspect } from "node:util"
import { HttpGet, RegionUrlProvider } from "effect-livekit"

const url = "wss://project.livekit.cloud"
const a = "wss://a.livekit.cloud"
const b = "wss://b.livekit.cloud"
const secret = "c2VjcmV0LXRva2Vu"

const next = (options: Partial<RegionUrlProvider.NextOptions> = {}) =>
  RegionUrlProvider.RegionUrlProvider.use((regions) =>
    regions.next({ url, token: Redacted.make(secret), attempted: new Set(), ...options })
  )
const report = (urls: ReadonlyArray<string>, of = url) =>
  RegionUrlProvider.RegionUrlProvider.use((regions) =>
    regions.report(of, new RegionSettings({ regions: urls.map((url) => new RegionInfo({ url })) }))
  )

describe("RegionUrlProvider.next", () => {
  it.effect("asks the host's settings over HTTP with the token in a header and nowhere else (RU2)", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      yield* next({ url: "wss://me:pass@project.livekit.cloud:8443/proxy?x=1#y" })
      yield* next({ url: "ws://project.livekit.run:80" })
      yield* next({ url: "https://other.livekit.cloud" })
      assert.deepStrictEqual(
        server.requests.map(({ href }) => href),
        [
          "https://project.livekit.cloud:8443/settings/regions",
          "http://project.livekit.run/settings/regions",
          "https://other.livekit.cloud/settings/regions"
        ]
      )
      for (const { headers } of server.requests) {
        assert.deepStrictEqual(headers, { authorization: `Bearer ${secret}` })
      }
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("hands out the first region, in the server's order, that was not attempted (RU7)", () => {
    const server = far(listing([b, a, b]))
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* next(), Option.some(b))
      assert.deepStrictEqual(yield* next(), Option.some(b), "asking is not attempting")
      assert.deepStrictEqual(yield* next({ attempted: new Set([b]) }), Option.some(a))
      assert.deepStrictEqual(yield* next({ attempted: new Set([a]) }), Option.some(b))
      assert.deepStrictEqual(yield* next({ attempted: new Set([a, b]) }), Option.none())
      assert.strictEqual(server.requests.length, 1)
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("walks through every region once, in order, when each is marked as attempted (RU7)", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.constantFrom("wss://1", "wss://2", "wss://3", "wss://4")),
          (urls) => {
            const walk = Effect.gen(function* () {
              const attempted: Array<string> = []
              for (;;) {
                const found = yield* next({ attempted: new Set(attempted) })
                if (Option.isNone(found)) return attempted
                attempted.push(found.value)
              }
            })
            return Effect.runPromise(walk.pipe(Effect.provide(far(listing(urls)).layer))).then((walked) =>
              assert.deepStrictEqual(walked, [...new Set(urls)])
            )
          }
        ),
        { numRuns: 30 }
      )
    )
  )

  it.effect("has none when the server lists none, or only regions without a URL", () => {
    const server = far(listing([]))
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* next(), Option.none())
      server.answer(listing(["", a]))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* next(), Option.some(a))
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("reads a list of a newer server (RU6)", () => {
    const body = { regions: [{ region: "eu", url: a, distance: "12", load: 0.5 }], ttl: 5 }
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* next(), Option.some(a))
    }).pipe(Effect.provide(far({ ...listing([]), body: JSON.stringify(body) }).layer))
  })
})

describe("The hosts that are asked", () => {
  const cloud = [url, "wss://a.b.livekit.cloud:443", "https://X.LiveKit.Run", "http://a.livekit.run:7880/path"]
  const others = [
    "ws://127.0.0.1:7880",
    "wss://livekit.cloud",
    "wss://evil-livekit.cloud",
    "wss://project.livekit.cloud.evil.test",
    "wss://evil.test/project.livekit.cloud",
    "wss://project.livekit.cloud@evil.test",
    "wss://evil.test?x.livekit.run"
  ]

  it.effect("are those of LiveKit Cloud; no other is given the token (RU1, RU3)", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      const regions = yield* RegionUrlProvider.RegionUrlProvider
      for (const host of cloud) assert.isTrue(regions.hasRegions(host), host)
      for (const host of [...others, "", "not a url", "ftp://project.livekit.cloud"]) {
        assert.isFalse(regions.hasRegions(host), host)
        const { reason } = yield* Effect.flip(next({ url: host }))
        assert.strictEqual(reason._tag, "NotCloud", host)
        assert.strictEqual(reason.recovery, "Restart")
      }
      assert.strictEqual(server.requests.length, 0)
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("are all, for those who want it", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      const regions = yield* RegionUrlProvider.RegionUrlProvider
      assert.isTrue(regions.hasRegions("ws://127.0.0.1:7880"))
      assert.isFalse(regions.hasRegions("not a url"))
      assert.deepStrictEqual(yield* next({ url: "ws://127.0.0.1:7880" }), Option.some(a))
      assert.strictEqual(server.requests[0]?.href, "http://127.0.0.1:7880/settings/regions")
    }).pipe(Effect.provide(RegionUrlProvider.layerAnyHost.pipe(Layer.provide(server.http))))
  })
})

describe("The list of regions", () => {
  const ages = [
    { cacheControl: undefined, host: url, seconds: 5 },
    { cacheControl: "no-cache", host: url, seconds: 5 },
    { cacheControl: "max-age=0", host: url, seconds: 5 },
    { cacheControl: "s-maxage=600", host: url, seconds: 5 },
    { cacheControl: "public, Max-Age=60, must-revalidate", host: url, seconds: 60 },
    { cacheControl: undefined, host: "ws://my.host", seconds: 30 },
    { cacheControl: "max-age=2", host: "ws://my.host", seconds: 2 }
  ]

  for (const { cacheControl, host, seconds } of ages) {
    it.effect(`of ${host} is used for ${seconds} s when Cache-Control is ${cacheControl} (RU4)`, () => {
      const server = far(listing([a], cacheControl))
      return Effect.gen(function* () {
        yield* next({ url: host })
        server.answer(listing([b], cacheControl))
        yield* TestClock.adjust(seconds * 1000 - 1)
        assert.deepStrictEqual(yield* next({ url: host }), Option.some(a))
        assert.strictEqual(server.requests.length, 1)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* next({ url: host }), Option.some(b))
        assert.strictEqual(server.requests.length, 2)
      }).pipe(Effect.provide(RegionUrlProvider.layerAnyHost.pipe(Layer.provide(server.http))))
    })
  }

  it.effect("belongs to one host and port", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      yield* next()
      yield* next({ url: `${url}/other/path?x=1` })
      assert.strictEqual(server.requests.length, 1)
      yield* next({ url: "wss://other.livekit.cloud" })
      yield* next({ url: `${url}:8443` })
      yield* next({ url: `${url}:8443` })
      assert.strictEqual(server.requests.length, 3)
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("is fetched once for all who ask at the same time", () => {
    const server = far("silent")
    return Effect.gen(function* () {
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(next(), { startImmediately: true }))
      assert.strictEqual(server.requests.length, 1)
      yield* server.release(listing([a]))
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), Array(3).fill(Option.some(a)))
      assert.strictEqual(server.requests.length, 1)
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("is fetched by the next in line when the one who asked is interrupted, and that request is aborted", () => {
    const server = far("silent")
    return Effect.gen(function* () {
      const first = yield* Effect.forkChild(next(), { startImmediately: true })
      const second = yield* Effect.forkChild(next(), { startImmediately: true })
      server.answer(listing([b]))
      yield* Fiber.interrupt(first)
      assert.strictEqual(server.aborted(), 1)
      assert.deepStrictEqual(yield* Fiber.join(second), Option.some(b))
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("is asked for with the token of the moment (RU10)", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      yield* next()
      yield* TestClock.adjust("1 minute")
      yield* next({ token: Redacted.make("refreshed") })
      assert.strictEqual(server.requests.at(-1)?.headers.authorization, "Bearer refreshed")
    }).pipe(Effect.provide(server.layer))
  })
})

describe("Failures of finding a region", () => {
  for (const status of [401, 403]) {
    it.effect(`end the matter at ${status}: one request, no old list, nothing to try again for`, () => {
      const server = far(listing([a]))
      return Effect.gen(function* () {
        yield* next()
        yield* TestClock.adjust("1 minute")
        server.answer({ status, body: "no", cacheControl: undefined })
        const error = yield* Effect.flip(next())
        assert.deepInclude(error.reason, { _tag: "Unauthorized", status })
        assert.strictEqual(error.recovery, "GiveUp")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(server.requests.length, 2)
      }).pipe(Effect.provide(server.layer))
    })
  }

  const broken: ReadonlyArray<readonly [string, Answer, number | undefined]> = [
    ["an error of the server", { status: 503, body: "later", cacheControl: undefined }, 503],
    ["a missing route", { status: 404, body: "404 page not found", cacheControl: undefined }, 404],
    ["a redirect that was not followed", { status: 302, body: "", cacheControl: undefined }, 302],
    ["an empty body", { status: 200, body: "", cacheControl: undefined }, 200],
    ["a page", { status: 200, body: "<html>", cacheControl: undefined }, 200],
    ["another shape", { status: 200, body: '{"regions":7}', cacheControl: undefined }, 200],
    ["no answer", new Error("getaddrinfo ENOTFOUND"), undefined]
  ]

  for (const [name, answer, status] of broken) {
    it.effect(`name ${name}, and fall back to an old list if there is one (RU5)`, () => {
      const server = far(answer)
      return Effect.gen(function* () {
        const error = yield* Effect.flip(next())
        assert.deepInclude(error.reason, { _tag: "FetchFailed", status })
        assert.strictEqual(error.recovery, "Restart")
        server.answer(listing([a]))
        yield* next()
        server.answer(answer)
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* next(), Option.some(a))
        server.answer(listing([b]))
        assert.deepStrictEqual(yield* next(), Option.some(b), "an old list is not kept for new")
      }).pipe(Effect.provide(server.layer))
    })
  }

  it.effect("come after 3 s when no answer does, and then let the next one ask", () => {
    const server = far("silent")
    return Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(Effect.flip(next()), { startImmediately: true })
      yield* TestClock.adjust(2_999)
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepInclude((yield* Fiber.join(waiting)).reason, { _tag: "FetchFailed", status: undefined })
      assert.strictEqual(server.aborted(), 1)
      server.answer(listing([a]))
      assert.deepStrictEqual(yield* next(), Option.some(a))
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("show the token to nobody, though the server or the runtime repeats it", () => {
    const cause = Object.assign(new Error(`bad header Bearer ${secret}`), { request: { token: secret } })
    const answers: ReadonlyArray<Answer> = [
      { status: 500, body: `no such token: ${secret}`, cacheControl: undefined },
      { status: 401, body: secret, cacheControl: undefined },
      { status: 200, body: secret, cacheControl: undefined },
      { status: 200, body: `{"regions": "${secret}"}`, cacheControl: undefined },
      cause,
      new Error("fetch failed", { cause })
    ]
    return Effect.forEach(answers, (answer) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(next())
        assert.notInclude(inspect(error, { depth: 10, showHidden: true }), secret)
        assert.notInclude(JSON.stringify(error) + String(error) + error.message, secret)
      }).pipe(Effect.provide(far(answer).layer))
    )
  })
})

describe("RegionUrlProvider.report", () => {
  it.effect("replaces the list and restarts its age, without a request (RU9)", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      yield* next()
      yield* TestClock.adjust(4_000)
      yield* report([b, a])
      yield* TestClock.adjust(4_999)
      assert.deepStrictEqual(yield* next(), Option.some(b))
      assert.deepStrictEqual(yield* next({ attempted: new Set([b]) }), Option.some(a), "what was tried stays tried")
      assert.strictEqual(server.requests.length, 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* next(), Option.some(a))
      assert.strictEqual(server.requests.length, 2)
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("serves without any fetch before", () => {
    const server = far(new Error("unreachable"))
    return Effect.gen(function* () {
      yield* report([a])
      assert.deepStrictEqual(yield* next(), Option.some(a))
    }).pipe(Effect.provide(server.layer))
  })

  it.effect("takes no region of a leave without any for a list", () => {
    const server = far(listing([a]))
    return Effect.gen(function* () {
      yield* next()
      yield* report([])
      yield* report([""])
      yield* report([b], "not a url")
      assert.deepStrictEqual(yield* next(), Option.some(a))
      assert.strictEqual(server.requests.length, 1)
    }).pipe(Effect.provide(server.layer))
  })
})

describe("RegionUrlProvider.layerNoop", () => {
  it.effect("has no regions and asks nobody", () =>
    Effect.gen(function* () {
      const regions = yield* RegionUrlProvider.RegionUrlProvider
      yield* report([a])
      assert.isFalse(regions.hasRegions(url))
      assert.deepStrictEqual(yield* next(), Option.none())
    }).pipe(Effect.provide(RegionUrlProvider.layerNoop))
  )
})

// --- the far end ---

type Answer = HttpGet.HttpAnswer | Error | "silent"

const listing = (urls: ReadonlyArray<string>, cacheControl?: string): HttpGet.HttpAnswer => ({
  status: 200,
  body: JSON.stringify({ regions: urls.map((url, index) => ({ region: `r${index}`, url, distance: "1" })) }),
  cacheControl
})

const far = (initial: Answer) => {
  let current = initial
  let aborted = 0
  const released = Deferred.makeUnsafe<HttpGet.HttpAnswer>()
  const requests: Array<{ readonly href: string; readonly headers: Readonly<Record<string, string>> }> = []
  const http = Layer.succeed(HttpGet.HttpGet, (href, headers) =>
    Effect.suspend(() => {
      requests.push({ href, headers })
      if (current === "silent") {
        return Deferred.await(released).pipe(
          Effect.onInterrupt(() =>
            Effect.sync(() => {
              aborted++
            })
          )
        )
      }
      return current instanceof Error
        ? Effect.fail(new HttpGet.HttpGetError({ cause: current }))
        : Effect.succeed(current)
    })
  )
  return {
    http,
    layer: RegionUrlProvider.layer.pipe(Layer.provide(http)),
    requests,
    aborted: () => aborted,
    answer: (next: Answer) => {
      current = next
    },
    release: (answer: HttpGet.HttpAnswer) => Deferred.succeed(released, answer)
  }
}
