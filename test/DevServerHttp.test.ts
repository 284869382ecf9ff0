/**
 * What the dev server answers over HTTP, to anybody: statuses and bodies of a LiveKit server.
 */
import { assert, describe, it } from "@effect/vitest"
import { JoinRequest, WrappedJoinRequest_Compression } from "@livekit/protocol"
import { Effect, type Layer, Redacted, type Scope } from "effect"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { connect } from "node:net"
import { gzipSync } from "node:zlib"
import { base64, dial, type HttpAnswer, joinRequest, signToken, wrap } from "./suites/signalClient.ts"

type Server = DevServer.DevServer["Service"]

const live = (
  name: string,
  test: Effect.Effect<void, unknown, Scope.Scope | Layer.Success<typeof NodeDataChannel.layer>>
) => it.live(name, () => test.pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer)), 20_000)

interface Request {
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

const http = (server: Server) => server.url.replace("ws:", "http:")

const get = (url: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, body: await response.text(), headers: response.headers }
  })

const answerTo = Effect.fnUntraced(function* (server: Server, path: string, { headers = {}, query = {} }: Request) {
  const { body, status } = yield* get(`${http(server)}${path}?${new URLSearchParams(query)}`, { headers })
  return { status, body }
})

/** The answer to a dial; 101 when it is upgraded. */
const answerToDial = (server: Server, path: string, { headers = {}, query = {} }: Request) =>
  dial(`${server.url}${path}?${new URLSearchParams(query)}`, { headers }).pipe(
    Effect.match({ onFailure: (answer: HttpAnswer) => answer, onSuccess: () => ({ status: 101, body: "" }) })
  )

const grant = { identity: "alice", room: "room" }
const key = (server: Server) => ({ apiKey: server.apiKey, apiSecret: server.apiSecret })
const tokenOf = (make: (server: Server) => Parameters<typeof AccessToken.issue>) => (server: Server) =>
  Effect.map(AccessToken.issue(...make(server)), (token): Request => ({
    query: { access_token: Redacted.value(token) }
  }))
const granted = (options: Partial<AccessToken.TokenOptions>) =>
  tokenOf((server) => [key(server), { ...grant, ...options }])

const signed = (claims: Readonly<Record<string, unknown>>, algorithm?: string) => (server: Server) =>
  Effect.succeed<Request>({
    query: { access_token: signToken(server.apiSecret, { iss: server.apiKey, ...claims }, algorithm) }
  })
const video = { roomJoin: true, room: "room" }

interface Case {
  readonly name: string
  readonly request: (server: Server) => Effect.Effect<Request>
  readonly status: number
  readonly body: string
}

/** What is the same on all four routes. */
const onEveryRoute: ReadonlyArray<Case> = [
  { name: "no token", request: () => Effect.succeed({}), status: 401, body: "no permissions to access the room" },
  {
    name: "an empty token",
    request: () => Effect.succeed({ query: { access_token: "" } }),
    status: 401,
    body: "no permissions to access the room"
  },
  {
    name: "a token that is none",
    request: () => Effect.succeed({ query: { access_token: "garbage" } }),
    status: 401,
    body: "invalid authorization token"
  },
  {
    name: "a header that is not Bearer, whatever the query says",
    request: (server) =>
      Effect.map(granted({})(server), ({ query = {} }) => ({
        query,
        headers: { authorization: `Basic ${query.access_token}` }
      })),
    status: 401,
    body: "invalid authorization header. Must start with Bearer "
  },
  {
    name: "a bad token in the header with a good one in the query",
    request: (server) =>
      Effect.map(granted({})(server), ({ query = {} }) => ({ query, headers: { authorization: "Bearer garbage" } })),
    status: 401,
    body: "invalid authorization token"
  },
  {
    name: "a key that is not known",
    request: tokenOf((server) => [{ ...key(server), apiKey: "other" }, grant]),
    status: 401,
    body: "invalid API key"
  },
  {
    name: "a bad signature",
    request: tokenOf((server) => [{ ...key(server), apiSecret: "x".repeat(40) }, grant]),
    status: 401,
    body: "invalid authorization token: token signature is invalid: signature is invalid"
  },
  {
    name: "a token that has expired",
    request: granted({ ttl: -3600 }),
    status: 401,
    body: "invalid authorization token: token has invalid claims: token is expired"
  },
  {
    name: "a token that is not valid yet",
    request: signed({ sub: "alice", nbf: 4_000_000_000, exp: 4_000_000_001 }),
    status: 401,
    body: "invalid authorization token: token has invalid claims: token is not valid yet"
  },
  {
    name: "a token that never expires",
    request: signed({ sub: "alice", exp: undefined }),
    status: 401,
    body: "invalid authorization token: token has invalid claims: token is missing required claim: exp claim is required"
  },
  { name: "a token of nobody", request: signed({ iss: undefined }), status: 401, body: "invalid API key" },
  {
    name: "a token that is signed in another way",
    request: signed({ sub: "alice", video: { roomJoin: true, room: "room" } }, "HS512"),
    status: 401,
    body: "invalid authorization token: token signature is invalid: signing method HS512 is invalid"
  },
  {
    name: "a token that says nothing about rooms",
    request: signed({ sub: "alice" }),
    status: 401,
    body: "no permissions to access the room"
  },
  { name: "no grant to join", request: granted({ roomJoin: false }), status: 401, body: "permissions denied" },
  { name: "no room", request: granted({ room: "" }), status: 400, body: "no room name" },
  { name: "no identity", request: signed({ video }), status: 400, body: "identity cannot be empty" },
  {
    name: "neither identity nor room",
    request: signed({ video: { roomJoin: true } }),
    status: 400,
    body: "identity cannot be empty"
  },
  {
    name: "an identity of more than 256 bytes",
    request: granted({ identity: "é".repeat(129) }),
    status: 400,
    body: "participant identity length exceeds limits: max length 256"
  },
  {
    name: "a room of more than 256 bytes",
    request: granted({ room: "r".repeat(257) }),
    status: 400,
    body: "room name length exceeds limits: max length 256"
  }
]

const routes = [
  { path: "/rtc", query: {} },
  { path: "/rtc/v1", query: { join_request: joinRequest() } }
] as const

describe("the four routes", () => {
  for (const { body, name, request, status } of onEveryRoute) {
    live(
      `refuse ${name} with ${status}`,
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const asked = yield* request(server)
        for (const { path, query } of routes) {
          const full = { ...asked, query: { ...asked.query, ...query } }
          assert.deepStrictEqual(yield* answerTo(server, `${path}/validate`, full), { status, body })
          assert.deepStrictEqual(yield* answerToDial(server, path, full), { status, body })
        }
      })
    )
  }

  live(
    "let in a good token from the query or the header, at the limits of length, and past a doubled slash",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { query = {} } = yield* granted({ identity: "i".repeat(256), room: "r".repeat(256) })(server)
      const inHeader = { headers: { authorization: `Bearer ${query.access_token}` } }
      const emptyHeader = { query, headers: { authorization: "" } }
      for (const route of routes) {
        for (const request of [{ query }, inHeader, emptyHeader]) {
          const full = { ...request, query: { ...("query" in request ? request.query : {}), ...route.query } }
          const valid = { status: 200, body: "success" }
          assert.deepStrictEqual(yield* answerTo(server, `${route.path}/validate`, full), valid)
          assert.deepStrictEqual(yield* answerTo(server, `/${route.path}/validate`, full), valid)
          assert.strictEqual((yield* answerToDial(server, route.path, full)).status, 101)
          assert.strictEqual((yield* answerToDial(server, `/${route.path}`, full)).status, 101)
        }
      }
    })
  )

  live(
    "allow every origin on validate, and on nothing else",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const origin = (path: string) =>
        Effect.map(get(`${http(server)}${path}`), ({ headers }) => headers.get("access-control-allow-origin"))
      assert.strictEqual(yield* origin("/rtc/validate"), "*")
      assert.strictEqual(yield* origin("/rtc/v1/validate"), "*")
      assert.isNull(yield* origin("/rtc"))
      assert.isNull(yield* origin("/settings/regions"))
      const preflight = yield* get(`${http(server)}/rtc/validate`, {
        method: "OPTIONS",
        headers: { origin: "http://page.test", "access-control-request-method": "GET" }
      })
      assert.strictEqual(preflight.status, 204)
      assert.strictEqual(preflight.headers.get("access-control-allow-headers"), "*")
    })
  )
})

describe("a join request", () => {
  const gzipped = (bytes: Uint8Array) => wrap(gzipSync(bytes), WrappedJoinRequest_Compression.GZIP)
  const plain = new JoinRequest({ clientInfo: { protocol: 16 } }).toBinary()
  const unpadded = ["", "x", "xx"]
    .map((os) => joinRequest({ clientInfo: { os } }))
    .find((wrapped) => wrapped.endsWith("="))
    ?.replaceAll("=", "")
  const truncated = new Uint8Array([10, 200])

  const bad: ReadonlyArray<readonly [name: string, joinRequest: string | undefined, body: string]> = [
    ["that is missing", undefined, "join_request is required"],
    ["that is empty", "", "join_request is required"],
    ["that is not base64", "!!!!", "cannot base64 decode wrapped join request"],
    ["in base64 without padding", unpadded, "cannot base64 decode wrapped join request"],
    ["whose envelope cannot be read", base64(truncated), "cannot unmarshal wrapped join request"],
    ["that cannot be read", wrap(truncated), "cannot unmarshal join request"],
    ["that cannot be read after inflating", gzipped(truncated), "cannot unmarshal join request"],
    [
      "that is said to be compressed and is not",
      wrap(plain, WrappedJoinRequest_Compression.GZIP),
      "cannot read decompressed join request"
    ],
    ["that inflates to more than 1 MiB", gzipped(new Uint8Array(1024 * 1024 + 1)), "join request too large"]
  ]
  for (const [name, join, body] of bad) {
    live(
      `${name} is refused`,
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const { query } = yield* granted({})(server)
        const request = { query: { ...query, ...(join === undefined ? {} : { join_request: join }) } }
        const refusal = { status: 400, body }
        assert.deepStrictEqual(yield* answerTo(server, "/rtc/v1/validate", request), refusal)
        assert.deepStrictEqual(yield* answerToDial(server, "/rtc/v1", request), refusal)
        // It is read before the grants are.
        const { query: powerless } = yield* granted({ roomJoin: false })(server)
        const unentitled = { query: { ...request.query, ...powerless } }
        assert.deepStrictEqual(yield* answerTo(server, "/rtc/v1/validate", unentitled), refusal)
      })
    )
  }

  live(
    "is read compressed too, and as large as the largest header",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { query } = yield* granted({})(server)
      const large = new JoinRequest({ publisherOffer: { type: "offer", sdp: "x".repeat(500_000) } }).toBinary()
      for (const join of [gzipped(plain), gzipped(large), wrap(large)]) {
        const answer = yield* answerTo(server, "/rtc/v1/validate", { query: { ...query, join_request: join } })
        assert.deepStrictEqual(answer, { status: 200, body: "success" })
      }
    })
  )

  live(
    "on the old path asks for one peer connection",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { query } = yield* granted({})(server)
      const full = new URLSearchParams({ ...query, join_request: joinRequest() })
      const signal = yield* dial(`${server.url}/rtc?${full}`)
      assert.isFalse((yield* signal.nextOf("join")).subscriberPrimary)
    })
  )
})

describe("what a participant says of itself", () => {
  const attributes = base64(new TextEncoder().encode(JSON.stringify({ color: "red" })))

  live(
    "needs a grant, in the query and in the join request",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const refusal = { status: 401, body: "no permissions to access the room" }
      const success = { status: 200, body: "success" }
      const without = yield* granted({})(server)
      const withGrant = yield* granted({ canUpdateOwnMetadata: true })(server)
      for (const [path, query] of [
        ["/rtc/validate", { attributes }],
        ["/rtc/v1/validate", { join_request: joinRequest({ participantAttributes: { color: "red" } }) }],
        ["/rtc/v1/validate", { join_request: joinRequest({ metadata: "m" }) }]
      ] as const) {
        assert.deepStrictEqual(yield* answerTo(server, path, { query: { ...without.query, ...query } }), refusal)
        assert.deepStrictEqual(yield* answerTo(server, path, { query: { ...withGrant.query, ...query } }), success)
      }
    })
  )

  live(
    "is refused by validate when it cannot be read, and left out by a join",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { query } = yield* granted({ attributes: { size: "big" } })(server)
      for (const unreadable of ["!!!!", base64(new TextEncoder().encode("[1]"))]) {
        const request = { query: { ...query, attributes: unreadable } }
        const refusal = { status: 400, body: "cannot decode attributes" }
        assert.deepStrictEqual(yield* answerTo(server, "/rtc/validate", request), refusal)
        const signal = yield* dial(`${server.url}/rtc?${new URLSearchParams(request.query)}`)
        assert.deepStrictEqual((yield* signal.nextOf("join")).participant?.attributes, { size: "big" })
      }
    })
  )

  live(
    "is what others see of it",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { query } = yield* granted({ canUpdateOwnMetadata: true, attributes: { size: "big" }, metadata: "old" })(
        server
      )
      const join = joinRequest({ metadata: "new", participantAttributes: { color: "red", size: "" } })
      const signal = yield* dial(`${server.url}/rtc/v1?${new URLSearchParams({ ...query, join_request: join })}`)
      const { participant } = yield* signal.nextOf("join")
      assert.strictEqual(participant?.metadata, "new")
      assert.deepStrictEqual(participant?.attributes, { color: "red", size: "big" })
    })
  )

  live(
    "a second session that only publishes has an identity of its own, and needs the grant",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const { query } = yield* granted({})(server)
      const signal = yield* dial(
        `${server.url}/rtc?${new URLSearchParams({ ...query, protocol: "16", publish: "screen" })}`
      )
      const { participant, subscriberPrimary } = yield* signal.nextOf("join")
      assert.strictEqual(participant?.identity, "alice#screen")
      assert.isFalse(subscriberPrimary)
      const listener = yield* granted({ canPublish: false })(server)
      const refusal = { status: 401, body: "no permissions to access the room" }
      const request = { query: { ...listener.query, publish: "screen" } }
      assert.deepStrictEqual(yield* answerTo(server, "/rtc/validate", request), refusal)
    })
  )
})

describe("other requests", () => {
  live(
    "are not found, or not authorized when they bring a bad token",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const missing = { status: 404, body: "404 page not found\n" }
      for (const path of ["/settings/regions", "/rtc/", "/rtc/v2", "/rtc/v1/validate/x", "/rtc//validate"]) {
        assert.deepStrictEqual(yield* answerTo(server, path, {}), missing)
        assert.deepStrictEqual(yield* answerToDial(server, path, {}), missing)
      }
      for (const path of ["/rtc", "/rtc/v1"]) {
        assert.deepStrictEqual(yield* answerTo(server, path, {}), { status: 404, body: "" })
      }
      assert.deepStrictEqual(yield* answerTo(server, "/", {}), { status: 200, body: "OK" })
      const unauthorized = { status: 401, body: "invalid authorization token" }
      for (const path of ["/settings/regions", "/rtc", "/"]) {
        assert.deepStrictEqual(yield* answerTo(server, path, { query: { access_token: "garbage" } }), unauthorized)
      }
    })
  )

  live(
    "validate answers an upgrade as it answers a plain request",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const request = yield* granted({})(server)
      const answer = yield* answerToDial(server, "/rtc/validate", request)
      assert.deepStrictEqual(answer, { status: 200, body: "success" })
    })
  )

  live(
    "a header of more than 1 MiB is refused with 431",
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const port = Number(new URL(server.url).port)
      const answer = yield* Effect.callback<string>((resume) => {
        const socket = connect(port, "127.0.0.1", () =>
          socket.write(`GET /rtc?x=${"x".repeat(1_100_000)} HTTP/1.1\r\n`)
        )
        socket.once("data", (chunk) => resume(Effect.succeed(chunk.toString("utf8"))))
        socket.on("error", () => {})
      })
      assert.match(answer, /^HTTP\/1.1 431 /)
    })
  )

  live(
    "a server of before v1 knows only the old routes",
    Effect.gen(function* () {
      const server = yield* DevServer.make({ hasV1: false })
      const { query } = yield* granted({})(server)
      const request = { query: { ...query, join_request: joinRequest() } }
      const missing = { status: 404, body: "404 page not found\n" }
      assert.deepStrictEqual(yield* answerTo(server, "/rtc/v1/validate", request), missing)
      assert.deepStrictEqual(yield* answerToDial(server, "/rtc/v1", request), missing)
      assert.strictEqual((yield* answerTo(server, "/rtc/validate", { query: query ?? {} })).status, 200)
    })
  )
})
