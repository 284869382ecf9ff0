/**
 * The checks of the doctor that a server on this machine cannot be made to fail.
 */
import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason } from "@livekit/protocol"
import { Effect, Redacted, Result, type Scope } from "effect"
import { EngineError, HttpGet, PeerConnectionError, SignalError } from "effect-livekit"
import { SimNetwork, TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { createServer } from "node:net"
import { addresses, described, isPathless, noPath, restricted } from "../src/cli/doctor/candidates.ts"
import { checkData, checkResume, checkTcp, checkTurn } from "../src/cli/doctor/media.ts"
import { checkRegions } from "../src/cli/doctor/regions.ts"
import { judgeToken } from "../src/cli/doctor/signal.ts"

describe("the doctor's reading of candidates", () => {
  const candidates = [
    "candidate:1 1 udp 2130706431 10.0.0.1 7882 typ host",
    "candidate:2 1 tcp 1671430143 10.0.0.1 7881 typ host tcptype passive",
    "candidate:2 2 tcp 1671430142 10.0.0.1 7881 typ host tcptype passive",
    "candidate:3 1 TCP 1671430143 10.0.0.2 9 typ host tcptype active",
    "nonsense"
  ]

  it("takes the addresses of media over a transport, each once, and not the port that stands for none", () => {
    assert.deepStrictEqual(addresses(candidates, "tcp"), [{ host: "10.0.0.1", port: 7881 }])
    assert.deepStrictEqual(addresses(candidates, "udp"), [{ host: "10.0.0.1", port: 7882 }])
    const sdp = `v=0\r\n${candidates.map((each) => `a=${each}\r\n`).join("")}a=end-of-candidates\r\n`
    assert.deepStrictEqual(addresses(described(sdp), "udp"), [{ host: "10.0.0.1", port: 7882 }])
  })

  it("says from where nothing came back, whoever noticed it first", () => {
    const { CONNECTION_TIMEOUT, PARTICIPANT_REMOVED } = DisconnectReason
    assert.isTrue(isPathless(new PeerConnectionError.IceTimeout({ target: "publisher", millis: 20_000 })))
    assert.isTrue(isPathless(new PeerConnectionError.Failed({ target: "publisher" })))
    assert.isTrue(isPathless(new EngineError.Ended({ why: CONNECTION_TIMEOUT })))
    assert.isFalse(isPathless(new EngineError.Ended({ why: PARTICIPANT_REMOVED })))
    assert.match(noPath(candidates), /^nothing comes back over UDP from 10\.0\.0\.1:7882: open the server's UDP ports/)
    assert.include(noPath(["candidate:1 1 udp 1 fd00::1 7882 typ host"]), "from [fd00::1]:7882:")
    assert.include(noPath([]), "the server offers no address for media over UDP")
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

describe("the doctor's check of TCP", () => {
  const candidate = (port: number) => `candidate:1 1 tcp 1671430143 127.0.0.1 ${port} typ host tcptype passive`
  const open = Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((socket) => socket.destroy())
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ port, close: () => server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

  it.live("names the addresses that are open, and those that are not", () =>
    Effect.gen(function* () {
      const { port } = yield* open
      const some = yield* checkTcp([candidate(port), candidate(19)], true)
      assert.deepStrictEqual(some, {
        status: "ok",
        verdict: `media over TCP is open at 127.0.0.1:${port}`,
        details: {
          tried: [
            { host: "127.0.0.1", port, isOpen: true },
            { host: "127.0.0.1", port: 19, isOpen: false }
          ]
        }
      })
      const only = yield* checkTcp([candidate(port)], false)
      assert.include(only.verdict, "browsers and wrtc get through there, node-datachannel does not")
      const none = yield* checkTcp([candidate(19)], true)
      assert.strictEqual(none.status, "warning")
      assert.include(none.verdict, "is offered at 127.0.0.1:19 and none of it can be reached")
    }).pipe(Effect.scoped)
  )

  it.effect("misses it only where UDP does not work", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* checkTcp([], true)).status, "skipped")
      assert.strictEqual((yield* checkTcp([], false)).status, "failed")
    })
  )
})

describe("the doctor's check of TURN", () => {
  it.effect("is skipped where the server offers none", () =>
    Effect.gen(function* () {
      const outcome = yield* checkTurn("ws://127.0.0.1:9", Redacted.make(""), [{ urls: ["stun:127.0.0.1:9"] }])
      assert.strictEqual(outcome.status, "skipped")
      assert.include(outcome.verdict, "the server offers no TURN")
    })
  )

  it.live("says through what it was not connected, and why", () =>
    Effect.gen(function* () {
      const servers = [{ urls: ["turn:127.0.0.1:9?transport=udp"] }]
      const { status, verdict } = yield* checkTurn("ws://127.0.0.1:9", Redacted.make(""), servers)
      assert.strictEqual(status, "failed")
      assert.match(verdict, /^not connected through turn:127\.0\.0\.1:9\?transport=udp: cannot reach ws:/)
    })
  )

  it("suspects LiveKit's own where all media of the server is at private addresses", () => {
    const at = (...hosts: ReadonlyArray<string>) =>
      restricted(hosts.map((host) => `candidate:1 1 udp 2130706431 ${host} 7882 typ host`))
    for (const host of ["127.0.0.1", "10.1.2.3", "172.20.0.2", "192.168.1.1", "fd00::1"]) {
      assert.include(
        at(host),
        `the server takes media at ${host}, and LiveKit's TURN relays to private addresses only if`
      )
    }
    for (const hosts of [[], ["203.0.113.1"], ["172.32.0.1"], ["10.1.2.3", "203.0.113.1"]]) {
      assert.strictEqual(at(...hosts), "")
    }
  })
})

describe("the doctor's checks in a room", () => {
  const virtual = <E>(
    name: string,
    body: Effect.Effect<void, E, TestServer.TestServer | SimNetwork.SimNetwork | Scope.Scope>
  ) => it.effect(name, () => body.pipe(Effect.scoped, Effect.provide(TestServer.layer())))

  /** An engine whose WebSocket can be cut. */
  const patient = Effect.fnUntraced(function* (identity: string, room = "room") {
    const { faults } = yield* TestServer.TestServer
    return { engine: yield* TestRTCEngine.join(identity, { room }), candidates: [], cut: faults.dropSignal(identity) }
  })

  virtual(
    "see data come back, or not",
    Effect.gen(function* () {
      const alice = yield* patient("alice")
      const bob = yield* patient("bob")
      const elsewhere = yield* patient("carol", "elsewhere")
      const fine = yield* VirtualTime.advancing(checkData(alice.engine, bob.engine))
      assert.deepInclude(fine, { status: "ok", verdict: "10 of 10 came back, half of them within 0 ms" })
      const bad = yield* VirtualTime.advancing(checkData(alice.engine, elsewhere.engine))
      assert.deepInclude(bad, {
        status: "failed",
        verdict: "data does not come back within 10 s, though the channels are open"
      })
    })
  )

  virtual(
    "see a session taken up again",
    Effect.gen(function* () {
      const outcome = yield* VirtualTime.advancing(checkResume(yield* patient("alice")))
      assert.strictEqual(outcome.status, "ok")
      assert.match(outcome.verdict, /^the session was taken up again [\d.]+ ms after/)
    })
  )

  virtual(
    "see a session that the server does not take up again",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const alice = yield* patient("alice")
      yield* faults.refuseNextResume("alice")
      const outcome = yield* VirtualTime.advancing(checkResume(alice))
      assert.strictEqual(outcome.status, "warning")
      assert.match(outcome.verdict, /^the server did not take the session up again; a new join stood after [\d.]+ ms/)
    })
  )

  virtual(
    "see a connection that ends, and one that does not come back in time",
    Effect.gen(function* () {
      const { faults } = yield* TestServer.TestServer
      const network = yield* SimNetwork.SimNetwork
      const alice = yield* patient("alice")
      const bob = yield* patient("bob")
      yield* faults.rejectNextDial(401, "invalid authorization token")
      const ended = yield* VirtualTime.advancing(checkResume(alice))
      assert.deepInclude(ended, { status: "failed", verdict: "the connection ended when its WebSocket was cut" })
      yield* network.cutOff("bob")
      const away = yield* VirtualTime.advancing(checkResume(bob))
      assert.strictEqual(away.status, "failed")
      assert.include(away.verdict, "did not come back within 20 s")
    })
  )
})

describe("the doctor's reading of tokens", () => {
  const token = (claims: object) =>
    Redacted.make(`e30.${Buffer.from(JSON.stringify({ iss: "key", sub: "alice", ...claims })).toString("base64url")}.x`)
  const video = { room: "hall", roomJoin: true }
  const accepted = Result.succeed(undefined)
  const refused = Result.fail(new SignalError.Rejected({ status: 401, body: "no\n" }))
  const unreachable = Result.fail(
    new SignalError.Unreachable({ origin: "ws://127.0.0.1:9", cause: new Error("refused") })
  )
  const who = 'it is for "alice" in room "hall", by key "key"'

  const byTheKey = "make it with an API key that the server has, and the secret of that key"

  it.effect("says for whom it is, how long it is good, and what to do about a refusal", () =>
    Effect.gen(function* () {
      const verdicts = [
        [{ video, exp: 600 }, accepted, `accepted; ${who}, good for 600 s`],
        [{ video }, accepted, `accepted; ${who}, and never expires`],
        [{ video, exp: -60 }, refused, `refused (401: no); ${who}, and expired 60 s ago; make a new one`],
        [
          { video, nbf: 300 },
          refused,
          `refused (401: no); ${who}, and is valid only in 300 s; set the clock of who makes it`
        ],
        [
          { video: { room: "hall" } },
          refused,
          `refused (401: no); ${who}, and does not grant roomJoin; make one that grants it`
        ],
        [{ video, exp: 600 }, refused, `refused (401: no); ${who}, good for 600 s; ${byTheKey}`],
        [{ video, exp: 600 }, unreachable, `nobody is known to have looked at it; ${who}, good for 600 s`]
      ] as const
      for (const [claims, result, verdict] of verdicts) {
        assert.strictEqual((yield* judgeToken(token(claims), result)).verdict, verdict)
      }
      const nonsense = yield* judgeToken(Redacted.make("abc"), refused)
      assert.deepInclude(nonsense, {
        status: "failed",
        verdict: "refused (401: no); it is not a JWT; give what your backend makes"
      })
    })
  )
})
