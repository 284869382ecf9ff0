import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { PeerConnectionFactory } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { createServer } from "node:http"
import { createServer as createTcpServer, type Server } from "node:net"
import { WebSocketServer } from "ws"
import * as TlsFront from "./fakes/TlsFront.ts"
import { start, startWith, until } from "./suites/cli.ts"

interface Report {
  readonly healthy: boolean
  readonly checks: ReadonlyArray<{ readonly name: string; readonly status: string; readonly verdict: string }>
}

const examine = (...args: ReadonlyArray<string>) => examineWith({}, ...args)

const examineWith = Effect.fnUntraced(function* (
  environment: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
) {
  const child = startWith(environment, "doctor", ...args, "--json")
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
      assert.match(verdict("websocket"), /cannot reach ws:\/\/127\.0\.0\.1:9/)
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
        assert.deepStrictEqual([one.status("data channel"), one.status("turn")], ["warning", "skipped"])
        assert.include(one.verdict("data channel"), "give --api-key and --api-secret")
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
      assert.include(verdict("tls"), "speaks no TLS")
    }).pipe(Effect.scoped)
  )

  const trusting = (name: "localhost" | "expired") => ({ NODE_EXTRA_CA_CERTS: TlsFront.certificate(name) })

  it.live("finds a server well behind TLS, and its regions sorted by latency", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const near = yield* listening
        const regions = [
          { region: "gone", url: "ws://127.0.0.1:9" },
          { region: "near", url: `ws://127.0.0.1:${near}` }
        ]
        const port = yield* TlsFront.make(server.url, { regions })
        const url = `wss://localhost:${port}`
        const { code, status, verdict } = yield* examineWith(trusting("localhost"), url, ...keyOf(server))
        assert.strictEqual(code, 0)
        assert.match(verdict("name"), /^localhost is (127\.0\.0\.1|::1)/)
        assert.match(verdict("tls"), /^TLSv1\.\d, a certificate by effect-livekit tests until /)
        for (const name of ["name", "tls", "websocket", "token", "first frame", "udp", "data channel", "resume"]) {
          assert.strictEqual(status(name), "ok", `${name}: ${verdict(name)}`)
        }
        assert.strictEqual(status("regions"), "warning")
        assert.match(verdict("regions"), /^near \d+ ms, gone does not answer$/)
      }).pipe(Effect.scoped)
    )
  )

  it.live("says what is wrong with a certificate", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const fine = yield* TlsFront.make(server.url)
        const stale = yield* TlsFront.make(server.url, { certificate: "expired" })
        const found = yield* Effect.all(
          [
            examine(`wss://localhost:${fine}`),
            examineWith(trusting("localhost"), `wss://127.0.0.1:${fine}`),
            examineWith(trusting("expired"), `wss://localhost:${stale}`),
            examine("wss://localhost:9")
          ],
          { concurrency: "unbounded" }
        )
        for (const { code, status } of found) assert.deepStrictEqual([code, status("tls")], [2, "failed"])
        const [untrusted, another, expired, closed] = found.map(({ verdict }) => verdict("tls"))
        assert.include(untrusted, "the certificate is self-signed")
        assert.include(another, "the certificate is for another name")
        assert.include(expired, "the certificate has expired")
        assert.include(closed, "nobody listens on the port")
      }).pipe(Effect.scoped)
    )
  )

  it.live("tells what is no LiveKit server", () =>
    Effect.gen(function* () {
      const web = yield* examine(`ws://127.0.0.1:${yield* listening}`, "--token", "abc")
      assert.deepStrictEqual([web.code, web.status("websocket")], [2, "failed"])
      assert.include(web.verdict("websocket"), "not that of a LiveKit server")
      // A server that says yes to everything has accepted no token.
      assert.strictEqual(web.status("token"), "skipped")
      const chat = yield* examine(`ws://127.0.0.1:${yield* chatting}`, "--token", "abc")
      assert.deepStrictEqual([chat.code, chat.status("websocket"), chat.status("first frame")], [2, "ok", "failed"])
      assert.include(chat.verdict("first frame"), "is this a LiveKit server?")
      assert.strictEqual(chat.status("token"), "skipped")
    }).pipe(Effect.scoped)
  )

  it.live("shows nothing of a URL that may be secret, and a page of a proxy in one line", () =>
    Effect.gen(function* () {
      const page = `<html>\n\u001b[2J<h1>Bad gateway</h1>${"x".repeat(2_000)}</html>`
      const port = yield* answering(502, page)
      const child = start("doctor", `ws://me:hidden-word@127.0.0.1:${port}/?key=hidden-key`, "--token", "abc")
      assert.strictEqual(yield* Effect.promise(() => child.exit), 2)
      assert.match(
        child.output(),
        /\nFAILED +websocket +[^\n]*\(502\): <html> \[2J<h1>Bad gateway<\/h1>x+…[^\n]* ms\)\n/
      )
      const gone = start("join", `ws://me:hidden-word@127.0.0.1:9/?key=hidden-key`, "--token", "abc")
      assert.strictEqual(yield* Effect.promise(() => gone.exit), 1)
      const all = child.output() + child.errors() + gone.output() + gone.errors()
      for (const secret of ["hidden-word", "hidden-key", "\u001b"]) assert.notInclude(all, secret)
    }).pipe(Effect.scoped)
  )

  it.live("joins by the key that it is given, whatever token is in the environment", () =>
    withServer((server) =>
      Effect.gen(function* () {
        const { code, status } = yield* examineWith({ LIVEKIT_TOKEN: "stale" }, server.url, ...keyOf(server))
        assert.deepStrictEqual([code, status("token"), status("data channel")], [0, "ok", "ok"])
        const refused = yield* examineWith({ LIVEKIT_TOKEN: "stale" }, server.url)
        assert.strictEqual(refused.status("token"), "failed")
        const empty = yield* examineWith({ LIVEKIT_TOKEN: "", LIVEKIT_API_KEY: "" }, server.url)
        assert.strictEqual(empty.status("token"), "warning")
      })
    )
  )

  it.live(
    "says that no media gets through, and by which ways it was tried",
    () =>
      Effect.flatMap(DevServer.make(), (server) =>
        Effect.gen(function* () {
          const { code, status, verdict } = yield* examine(server.url, ...keyOf(server))
          assert.strictEqual(code, 2)
          assert.deepStrictEqual(["udp", "tcp", "turn", "data channel", "resume"].map(status), [
            "failed",
            "failed",
            "skipped",
            "skipped",
            "skipped"
          ])
          assert.match(verdict("udp"), /^the server offers no address for media over UDP/)
          assert.include(verdict("tcp"), "UDP does not work: TURN is the only way")
        })
      ).pipe(Effect.scoped, Effect.provide(unreachable)),
    60_000
  )

  it.live("leaves with 1 when it is not told enough", () =>
    Effect.gen(function* () {
      const half = start("doctor", "ws://127.0.0.1:9", "--api-key", "devkey")
      assert.strictEqual(yield* Effect.promise(() => half.exit), 1)
      assert.include(half.errors(), "an API key and its secret go together")
      const none = start("doctor")
      assert.strictEqual(yield* Effect.promise(() => none.exit), 1)
    })
  )

  it.live("does not say that all is well when it is stopped", () =>
    Effect.gen(function* () {
      const port = yield* silent
      const child = start("doctor", `ws://127.0.0.1:${port}`, "--token", "abc")
      yield* Effect.promise(() => until(child, /tls/))
      child.process.kill("SIGINT")
      assert.strictEqual(yield* Effect.promise(() => child.exit), 130)
      assert.strictEqual(child.errors(), "")
    }).pipe(Effect.scoped)
  )

  it.live("shows each finding as it comes, without --json", () =>
    Effect.gen(function* () {
      const child = start("doctor", "ws://127.0.0.1:9", "--token", "abc")
      assert.strictEqual(yield* Effect.promise(() => child.exit), 2)
      assert.match(child.output(), /^ok +url .+\nok +name /)
      assert.match(child.output(), /\nFAILED +websocket +cannot reach/)
      assert.match(child.output(), /\nSomething is wrong: websocket\.\n$/)
    })
  )
})

/** A port that answers everything over HTTP, speaks no TLS, and takes no WebSocket. */
const answering = (status: number, body: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((_, response) => response.writeHead(status).end(body))
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") throw new Error("no port")
        resume(Effect.succeed({ port: address.port, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ port }) => port))

const listening = answering(200, "")

/** A port that takes connections and says nothing. */
const silent = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createTcpServer(() => {}).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

/** A port that speaks WebSocket and not the protocol of LiveKit. */
const chatting = Effect.acquireRelease(
  Effect.callback<WebSocketServer>((resume) => {
    const server: WebSocketServer = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () =>
      resume(Effect.succeed(server))
    )
    server.on("connection", (socket) => socket.send(new Uint8Array([1, 2, 3])))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

const withoutCandidates = (sdp: string) => sdp.replaceAll(/^a=candidate:.*\r\n/gm, "")

/** WebRTC of a server whose packets get nowhere: neither side hears of an address of the other. */
const unreachable = Layer.effect(
  PeerConnectionFactory.PeerConnectionFactory,
  Effect.map(PeerConnectionFactory.PeerConnectionFactory, (runtime) => ({
    ...runtime,
    make: (configuration, handlers) =>
      Effect.map(runtime.make(configuration, { ...handlers, onIceCandidate: () => {} }), (peer) => ({
        ...peer,
        createAnswer: Effect.map(peer.createAnswer, ({ sdp, type }) => ({ type, sdp: withoutCandidates(sdp) })),
        createOffer: (options) =>
          Effect.map(peer.createOffer(options), ({ sdp, type }) => ({ type, sdp: withoutCandidates(sdp) })),
        localDescription: () => {
          const description = peer.localDescription()
          return description === null ? null : { ...description, sdp: withoutCandidates(description.sdp) }
        },
        setRemoteDescription: ({ sdp, type }) => peer.setRemoteDescription({ type, sdp: withoutCandidates(sdp) }),
        addIceCandidate: () => Effect.void
      }))
  }))
).pipe(Layer.provide(NodeDataChannel.layer))
