import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { createServer } from "node:http"
import { tcpCandidates } from "../src/cli/doctor/media.ts"
import { checkRegions } from "../src/cli/doctor/regions.ts"
import { HttpGet } from "../src/index.ts"
import { start } from "./suites/cli.ts"

interface Report {
  readonly healthy: boolean
  readonly checks: ReadonlyArray<{ readonly name: string; readonly status: string; readonly verdict: string }>
}

const examine = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const child = start("doctor", ...args, "--json")
  const code = yield* Effect.promise(() => child.exit)
  assert.strictEqual(child.errors(), "")
  const report: Report = JSON.parse(child.output())
  const of = (name: string) => report.checks.find((check) => check.name === name)
  return {
    code,
    output: child.output(),
    report,
    status: (name: string) => of(name)?.status,
    verdict: (name: string) => of(name)?.verdict ?? ""
  }
})

const withServer = <E>(test: (server: DevServer.DevServer["Service"]) => Effect.Effect<void, E>) =>
  Effect.flatMap(DevServer.make(), test).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))

const keyOf = ({ apiKey, apiSecret }: DevServer.DevServer["Service"]) => [
  "--api-key",
  apiKey,
  "--api-secret",
  apiSecret
]

describe("effect-livekit doctor", () => {
  it.live("finds a server well, end to end, and leaves with 0", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const { code, report, status, verdict } = yield* examine(server.url, ...keyOf(server))
        assert.strictEqual(code, 0)
        assert.isTrue(report.healthy)
        for (const name of ["url", "name", "websocket", "token", "first frame", "udp", "data channel", "resume"]) {
          assert.strictEqual(status(name), "ok", `${name}: ${verdict(name)}`)
        }
        for (const name of ["tls", "tcp", "turn", "regions"]) assert.strictEqual(status(name), "skipped", name)
        assert.match(verdict("data channel"), /10 of 10 came back/)
        assert.match(verdict("resume"), /taken up again/)
      })
    )
  )

  it.live("says that nobody listens on a dead port, and leaves with 2", () =>
    Effect.gen(function* () {
      const { code, report, status, verdict } = yield* examine("ws://127.0.0.1:9", "--token", "abc")
      assert.strictEqual(code, 2)
      assert.isFalse(report.healthy)
      assert.strictEqual(status("websocket"), "failed")
      assert.match(verdict("websocket"), /nothing answers at ws:\/\/127\.0\.0\.1:9/)
      assert.strictEqual(status("data channel"), "skipped")
    })
  )

  it.live("tells a refused token from a server that does not answer, says why, and never shows it", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const expired = Redacted.value(yield* server.token({ identity: "alice", room: "hall", ttl: -3600 }))
        const { code, output, status, verdict } = yield* examine(server.url, "--token", expired)
        assert.strictEqual(code, 2)
        assert.strictEqual(status("websocket"), "ok")
        assert.strictEqual(status("token"), "failed")
        assert.match(verdict("token"), /refused \(401: .+\); it is for "alice" in room "hall", .+ expired \d+ s ago/)
        assert.notInclude(output, expired)
        assert.notInclude(output, expired.split(".")[2] ?? "none")
      })
    )
  )

  it.live("says that a server takes the connection and says nothing", () =>
    withServer((server) =>
      Effect.gen(function* () {
        yield* server.faults.silenceFirstFrame
        const { code, status, verdict } = yield* examine(server.url, ...keyOf(server))
        assert.strictEqual(code, 2)
        assert.strictEqual(status("websocket"), "ok")
        assert.strictEqual(status("first frame"), "failed")
        assert.match(verdict("first frame"), /no first message within 5000 ms/)
      })
    )
  )

  it.live("says what the server said when it refuses the connection", () =>
    withServer((server) =>
      Effect.gen(function* () {
        yield* server.faults.rejectNextDial(503, "too many participants")
        const { code, status, verdict } = yield* examine(server.url, ...keyOf(server))
        assert.strictEqual(code, 2)
        assert.strictEqual(status("websocket"), "failed")
        assert.include(verdict("websocket"), "too many participants")
      })
    )
  )

  it.live("goes as far as it can without a token, and needs two participants for some", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const none = yield* examine(server.url)
        assert.deepStrictEqual([none.code, none.status("websocket"), none.status("token")], [0, "ok", "warning"])
        const token = Redacted.value(yield* server.token({ identity: "alice", room: "hall" }))
        const one = yield* examine(server.url, "--token", token)
        assert.deepStrictEqual([one.code, one.status("udp"), one.status("resume")], [0, "ok", "ok"])
        assert.strictEqual(one.status("data channel"), "skipped")
      })
    )
  )

  it.live("says what is wrong with a URL and with a name", () =>
    Effect.gen(function* () {
      const url = yield* examine("http//nowhere")
      assert.deepStrictEqual([url.code, url.status("url")], [2, "failed"])
      const name = yield* examine("wss://does-not-exist.invalid")
      assert.deepStrictEqual([name.code, name.status("name")], [2, "failed"])
    })
  )

  it.live("says what is wrong with TLS", () =>
    Effect.gen(function* () {
      const port = yield* listening
      const { code, status, verdict } = yield* examine(`wss://127.0.0.1:${port}`)
      assert.deepStrictEqual([code, status("tls")], [2, "failed"])
      assert.include(verdict("tls"), "TLS failed")
    }).pipe(Effect.scoped)
  )

  it.live("shows each finding as it comes, without --json", () =>
    Effect.gen(function* () {
      const child = start("doctor", "ws://127.0.0.1:9", "--token", "abc")
      assert.strictEqual(yield* Effect.promise(() => child.exit), 2)
      assert.match(child.output(), /^ok +url .+\nok +name /)
      assert.match(child.output(), /\nFAILED +websocket +nothing answers/)
      assert.match(child.output(), /\nSomething is wrong: websocket\.\n$/)
    })
  )
})

/** A port that speaks HTTP and no TLS. */
const listening = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer((_, response) => response.end())
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address === null || typeof address === "string") throw new Error("no port")
      resume(Effect.succeed({ port: address.port, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
).pipe(Effect.map(({ port }) => port))

describe("the doctor's reading of candidates", () => {
  it("takes the addresses of media over TCP, and neither UDP nor the port that stands for none", () => {
    assert.deepStrictEqual(
      tcpCandidates([
        "candidate:1 1 udp 2130706431 10.0.0.1 7882 typ host",
        "candidate:2 1 tcp 1671430143 10.0.0.1 7881 typ host tcptype passive",
        "candidate:3 1 TCP 1671430143 10.0.0.2 9 typ host tcptype active",
        "nonsense"
      ]),
      [{ host: "10.0.0.1", port: 7881 }]
    )
  })
})

describe("the doctor's regions", () => {
  const answer = (status: number, body: string) => ({ status, body, cacheControl: undefined })
  const far = "https://far.example"

  it.live("are sorted by latency, and the dead are named", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const get = (url: string, headers: Readonly<Record<string, string>>) => {
        asked.push(`${url} ${headers["authorization"] ?? ""}`)
        if (url.endsWith("/settings/regions")) {
          return Effect.succeed(
            answer(
              200,
              JSON.stringify({
                regions: [
                  { region: "far", url: far, distance: "1" },
                  { region: "near", url: "https://near.example", distance: "9" },
                  { region: "dead", url: "https://dead.example", distance: "2" }
                ]
              })
            )
          )
        }
        if (url.includes("dead")) return Effect.fail(new HttpGet.HttpGetError({ cause: "refused" }))
        return Effect.as(Effect.sleep(url.startsWith(far) ? 300 : 1), answer(200, "OK"))
      }
      const outcome = yield* checkRegions(new URL("wss://project.example"), Redacted.make("token")).pipe(
        Effect.provideService(HttpGet.HttpGet, get)
      )
      assert.strictEqual(outcome.status, "warning")
      assert.match(outcome.verdict, /^near \d+ ms, far \d+ ms, dead does not answer$/)
      // The token goes to the server that it is for, and to no region.
      assert.deepStrictEqual(
        asked.filter((each) => each.includes("Bearer")),
        ["https://project.example/settings/regions Bearer token"]
      )
    })
  )

  it.effect("are none where the server names none", () =>
    Effect.gen(function* () {
      const { status } = yield* checkRegions(new URL("wss://project.example"), Redacted.make("token"))
      assert.strictEqual(status, "skipped")
    }).pipe(Effect.provideService(HttpGet.HttpGet, () => Effect.succeed(answer(404, "not found"))))
  )
})
