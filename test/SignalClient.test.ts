import { assert, describe, it } from "@effect/vitest"
import {
  JoinRequest,
  JoinResponse,
  LeaveRequest,
  LeaveRequest_Action,
  DisconnectReason,
  Pong,
  ReconnectReason,
  ReconnectResponse,
  RoomUpdate,
  SignalRequest,
  SignalResponse,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression
} from "@livekit/protocol"
import { Clock, Duration, Effect, Exit, Fiber, Layer, Option, Queue, Redacted, Scope } from "effect"
import * as Base64Url from "effect/encoding/Base64Url"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { EngineConfig, HttpGet, SignalClient, type SignalConnection, WebSocketConstructor } from "../src/index.ts"
import { TestSocket } from "../src/testing/index.ts"

const url = "ws://livekit.test"
const token = Redacted.make("secret-token")
const join = (options: Partial<SignalClient.JoinOptions> = {}) =>
  SignalClient.SignalClient.use((client) => client.join({ url, token, ...options }))
const resume = (options: Partial<SignalClient.ResumeOptions> = {}) =>
  SignalClient.SignalClient.use((client) =>
    client.resume({
      url,
      token,
      path: "v1",
      participantSid: "PA_1",
      reason: ReconnectReason.RR_SIGNAL_DISCONNECTED,
      ping: { interval: 0, timeout: 0 },
      ...options
    })
  )

describe("SignalClient.join", () => {
  it.effect("dials /rtc/v1 with the join request and hands out the join response", () =>
    Effect.gen(function* () {
      const { connection, dial } = yield* joined({ publisherOffer: { sdp: "v=0", id: 1 }, autoSubscribe: false })
      assert.strictEqual(dial.url.pathname, "/rtc/v1")
      assert.strictEqual(dial.url.searchParams.get("access_token"), "secret-token")
      const { request, compression } = readJoinRequest(dial.url)
      assert.strictEqual(compression, WrappedJoinRequest_Compression.NONE)
      assert.strictEqual(request.publisherOffer?.sdp, "v=0")
      assert.strictEqual(request.connectionSettings?.autoSubscribe, false)
      assert.strictEqual(request.reconnect, false)
      assert.strictEqual(request.clientInfo?.protocol, 17)
      assert.strictEqual(connection.path, "v1")
      assert.isTrue(connection.handshake._tag === "Joined" && connection.handshake.response.serverVersion === "1.13.5")
    }).pipe(Effect.provide(client()))
  )

  it.effect("keeps a path and a query of the URL and writes http as ws", () =>
    Effect.gen(function* () {
      const { dial } = yield* joined({ url: "https://livekit.test/proxy/?tenant=a%20b", connectionMode: "dual" })
      assert.strictEqual(dial.url.protocol, "wss:")
      assert.strictEqual(dial.url.pathname, "/proxy/rtc")
      assert.strictEqual(dial.url.searchParams.get("tenant"), "a b")
      assert.strictEqual(dial.url.searchParams.get("auto_subscribe"), "1")
      assert.strictEqual(dial.url.searchParams.get("protocol"), "17")
      assert.strictEqual(dial.url.searchParams.get("sdk"), "unknown")
      assert.isFalse(dial.url.searchParams.has("join_request"))
    }).pipe(Effect.provide(client()))
  )

  it.effect("compresses the join request where the platform can", () =>
    Effect.gen(function* () {
      const { dial } = yield* joined()
      assert.strictEqual(readWrapped(dial.url).compression, WrappedJoinRequest_Compression.GZIP)
      assert.deepStrictEqual(Array.from(readWrapped(dial.url).joinRequest), [1, 2, 3])
    }).pipe(
      Effect.provide(
        client().pipe(
          Layer.provideMerge(
            Layer.succeed(EngineConfig.EngineConfig, {
              ...EngineConfig.defaults,
              gzip: () => Effect.succeed(new Uint8Array([1, 2, 3]))
            })
          )
        )
      )
    )
  )

  it.effect("falls back to /rtc when the server does not know /rtc/v1", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.forkScoped)
      const socket = yield* TestSocket.TestSocket
      yield* Effect.flatMap(socket.dial, (dial) => dial.refuse)
      const second = yield* socket.dial
      assert.strictEqual(second.url.pathname, "/rtc")
      yield* second.open
      yield* second.send(joinFrame())
      assert.strictEqual((yield* Fiber.join(fiber)).path, "v0")
    }).pipe(Effect.provide(client({ status: 404, body: "" })))
  )

  it.effect("does not fall back when only one peer connection was asked for", () =>
    Effect.gen(function* () {
      const error = yield* refused({ connectionMode: "single" })
      assert.isTrue(error.reason._tag === "Rejected" && error.reason.status === 404)
    }).pipe(Effect.provide(client({ status: 404, body: "" })))
  )

  it.effect("does not take a missing room for a missing route", () =>
    Effect.gen(function* () {
      const error = yield* refused()
      assert.isTrue(error.reason._tag === "Rejected" && error.reason.body === "requested room does not exist")
    }).pipe(Effect.provide(client({ status: 404, body: "requested room does not exist" })))
  )

  it.effect("says status and body of a refused token, after one dial and one validate", () =>
    Effect.gen(function* () {
      const error = yield* refused()
      assert.isTrue(error.reason._tag === "Rejected")
      if (error.reason._tag !== "Rejected") return
      assert.strictEqual(error.reason.status, 401)
      assert.strictEqual(error.reason.body, "invalid authorization token")
      assert.strictEqual(error.recovery, "GiveUp")
      const requests = yield* Effect.sync(() => validated)
      assert.strictEqual(requests.length, 1)
      assert.strictEqual(new URL(requests[0] ?? "").pathname, "/rtc/v1/validate")
      assert.strictEqual(new URL(requests[0] ?? "").protocol, "http:")
      assert.isTrue(Option.isNone(yield* Queue.poll((yield* TestSocket.TestSocket).dials)))
    }).pipe(Effect.provide(client({ status: 401, body: "invalid authorization token" })))
  )

  it.effect("shows the token to nobody, though the server repeats it in whatever form", () =>
    Effect.gen(function* () {
      for (const [secret, body] of [
        ["secret-that-is-a-token", "bad /rtc/v1/validate?access_token=secret-that-is-a-token, secret-that-is-a-token"],
        ["secret", "bad ?access_token=secret&x"],
        [
          "secret token that is long+/ü",
          "bad secret+token+that+is+long%2B%2F%C3%BC, secret%20token%20that%20is%20long%2B%2F%C3%BC, secret token that is long+/ü"
        ]
      ] as const) {
        const answered = client({ status: 401, body })
        const error = yield* refused({ token: Redacted.make(secret) }).pipe(Effect.provide(answered))
        assert.notMatch(inspect(error, { depth: 9 }) + String(error), /secret/)
        assert.isTrue(error.reason._tag === "Rejected" && error.reason.body.startsWith("bad "))
      }
    })
  )

  it.effect("says exactly what the server said, though a bad token is a word of it", () =>
    Effect.gen(function* () {
      const error = yield* refused({ token: Redacted.make("token") })
      assert.isTrue(error.reason._tag === "Rejected" && error.reason.body === "invalid authorization token")
    }).pipe(Effect.provide(client({ status: 401, body: "invalid authorization token" })))
  )

  it.effect("shows the token to nobody, though the server closes the socket with it", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.flip, Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      yield* dial.close(1008, "no secret-token")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error.reason._tag === "SocketLost" && error.reason.why === "no <redacted>")
    }).pipe(Effect.provide(client()))
  )

  it.effect("passes over text frames before the first message (SC9)", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      yield* dial.send("hello")
      yield* dial.send(joinFrame())
      assert.strictEqual((yield* Fiber.join(fiber)).handshake._tag, "Joined")
    }).pipe(Effect.provide(client()))
  )

  it.effect("says that nobody answers when validate gets no answer either, without the token", () =>
    Effect.gen(function* () {
      const error = yield* refused()
      assert.strictEqual(error.reason._tag, "Unreachable")
      assert.notInclude(JSON.stringify(error) + String(error) + String(error.reason.cause), "secret-token")
      assert.include(String(error.reason.cause), "refused")
    }).pipe(Effect.provide(client(new Error("connect refused for ?access_token=secret-token"))))
  )

  it.effect("is refused by a socket that only says that it failed, as Node 22 does when nobody listens", () =>
    Effect.gen(function* () {
      const error = yield* join().pipe(Effect.scoped, Effect.flip)
      assert.strictEqual(error.reason._tag, "Unreachable")
    }).pipe(
      Effect.provide(
        SignalClient.layer.pipe(
          Layer.provide(WebSocketConstructor.layer(failingSocket)),
          Layer.provide(
            Layer.succeed(HttpGet.HttpGet, () => Effect.fail(new HttpGet.HttpGetError({ cause: "refused" })))
          )
        )
      )
    )
  )

  it.effect("gives up asking validate after 3 s", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.scoped, Effect.flip, Effect.forkScoped)
      yield* Effect.flatMap((yield* TestSocket.TestSocket).dial, (dial) => dial.refuse)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Unreachable")
    }).pipe(Effect.provide(client("silent")))
  )

  it.effect("tells a refused upgrade from a refused token", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refused()).reason._tag, "UpgradeFailed")
    }).pipe(Effect.provide(client({ status: 200, body: "success" })))
  )

  it.effect("closes the socket when the upgrade does not come within 10 s", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.flip, Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "DialTimeout")
      assert.strictEqual((yield* dial.received)._tag, "Closed")
    }).pipe(Effect.provide(client()))
  )

  it.effect("closes the socket when no first message comes within 5 s", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.flip, Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "FirstFrameTimeout")
      assert.strictEqual((yield* dial.received)._tag, "Closed")
    }).pipe(Effect.provide(client()))
  )

  it.effect("closes the socket when it is interrupted at the dial and at the first message", () =>
    Effect.gen(function* () {
      for (const upgrade of [false, true]) {
        const fiber = yield* join().pipe(Effect.forkScoped)
        const dial = yield* (yield* TestSocket.TestSocket).dial
        if (upgrade) yield* dial.open
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* dial.received)._tag, "Closed")
      }
    }).pipe(Effect.provide(client()))
  )

  it.effect("refuses a URL that cannot be dialled without dialling", () =>
    Effect.gen(function* () {
      for (const bad of ["", "livekit.test", "ftp://livekit.test", "not a url"]) {
        const error = yield* join({ url: bad }).pipe(Effect.scoped, Effect.flip)
        assert.strictEqual(error.reason._tag, "InvalidUrl")
      }
      assert.isTrue(Option.isNone(yield* Queue.poll((yield* TestSocket.TestSocket).dials)))
    }).pipe(Effect.provide(client()))
  )

  it.effect("fails at once on a leave, on a wrong first message and on garbage", () =>
    Effect.gen(function* () {
      const leave = new LeaveRequest({ action: LeaveRequest_Action.RECONNECT, reason: DisconnectReason.STATE_MISMATCH })
      const first = [
        frame({ case: "leave", value: leave }),
        frame({ case: "pong", value: 1n }),
        new Uint8Array([255, 255])
      ]
      const tags: Array<string> = []
      for (const bytes of first) {
        const fiber = yield* join().pipe(Effect.flip, Effect.forkScoped)
        const dial = yield* (yield* TestSocket.TestSocket).dial
        yield* dial.open
        yield* dial.send(bytes)
        tags.push((yield* Fiber.join(fiber)).reason._tag)
        assert.strictEqual((yield* dial.received)._tag, "Closed")
      }
      assert.deepStrictEqual(tags, ["LeaveReceived", "ProtocolViolation", "ProtocolViolation"])
    }).pipe(Effect.provide(client()))
  )

  it.effect("fails when the socket ends before the first message", () =>
    Effect.gen(function* () {
      const fiber = yield* join().pipe(Effect.flip, Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      yield* dial.close(1011, "bye")
      const { reason } = yield* Fiber.join(fiber)
      assert.isTrue(reason._tag === "SocketLost" && reason.code === 1011)
    }).pipe(Effect.provide(client()))
  )
})

describe("SignalConnection", () => {
  it.effect("keeps what came before anybody read, in order, and ends after it", () =>
    Effect.gen(function* () {
      const { connection, dial } = yield* joined()
      yield* dial.send(frame({ case: "refreshToken", value: "a" }))
      yield* dial.send("text frames are ignored")
      yield* dial.send(new Uint8Array([7, 7, 7]))
      yield* dial.send(frame({ case: "roomUpdate", value: new RoomUpdate() }))
      yield* dial.close(1000)
      const seen: Array<string> = []
      yield* Queue.take(connection.incoming).pipe(
        Effect.map((incoming) => seen.push(incoming._tag === "Message" ? incoming.message.case : incoming._tag)),
        Effect.forever,
        Effect.catchTag("Done", () => Effect.void)
      )
      assert.deepStrictEqual(seen, ["refreshToken", "Malformed", "roomUpdate"])
      assert.deepStrictEqual(yield* connection.end, { _tag: "Closed", code: 1000, why: "" })
    }).pipe(Effect.provide(client()))
  )

  it.effect("closes the socket with 1000 when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { dial } = yield* joined().pipe(Scope.provide(scope))
      yield* Scope.close(scope, Exit.void)
      const last = yield* dial.received
      assert.isTrue(last._tag === "Closed" && last.code === 1000)
    }).pipe(Effect.provide(client()))
  )

  it.effect("pings both ways, and learns the round trip from the answer", () =>
    Effect.gen(function* () {
      const { connection, dial } = yield* joined({}, { pingInterval: 5, pingTimeout: 15 })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* nextRequest(dial)).case, "ping")
      const request = yield* nextRequest(dial)
      if (request.case !== "pingReq") return assert.fail(`got ${request.case}`)
      yield* TestClock.adjust("40 millis")
      const pong = new Pong({ lastPingTimestamp: request.value.timestamp, timestamp: 1n })
      yield* dial.send(frame({ case: "pongResp", value: pong }))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* connection.rtt, Option.some(40))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* nextRequest(dial)).case, "ping")
      const next = yield* nextRequest(dial)
      assert.isTrue(next.case === "pingReq" && next.value.rtt === 40n, "the server learns it too")
    }).pipe(Effect.provide(client()))
  )

  it.effect("takes any message for a sign of life and closes with 3000 when none comes", () =>
    Effect.gen(function* () {
      const { connection, dial } = yield* joined({}, { pingInterval: 5, pingTimeout: 15 })
      yield* TestClock.adjust("19 seconds")
      yield* dial.send(frame({ case: "roomUpdate", value: new RoomUpdate() }))
      yield* TestClock.adjust("15 seconds")
      assert.isTrue(dial.isOpen())
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* connection.end, { _tag: "PingTimeout" })
      const frames = yield* Queue.takeAll(dial.frames)
      const last = frames.at(-1)
      assert.isTrue(last?._tag === "Closed" && last.code === 3000)
    }).pipe(Effect.provide(client()))
  )

  it.effect("does not take a server's close for a ping timeout, whatever its code", () =>
    Effect.gen(function* () {
      const { connection, dial } = yield* joined()
      yield* dial.close(3000, "bye")
      assert.deepStrictEqual(yield* connection.end, { _tag: "Closed", code: 3000, why: "bye" })
    }).pipe(Effect.provide(client()))
  )

  it.effect("does not take a program that did not run for a server that is silent", () =>
    Effect.gen(function* () {
      const held = yield* heldClock
      const { connection, dial } = yield* joined({}, { pingInterval: 5, pingTimeout: 15 }).pipe(
        Effect.provideService(Clock.Clock, held.clock)
      )
      yield* TestClock.adjust("5 seconds")
      // A minute goes by in which neither timers nor answers come through; then the timer is first.
      held.holdBack("1 minute")
      yield* TestClock.adjust("15 seconds")
      assert.isTrue(dial.isOpen())
      yield* TestClock.adjust("14 seconds")
      assert.isTrue(dial.isOpen())
      yield* dial.send(frame({ case: "pong", value: 1n }))
      yield* TestClock.adjust("1 minute")
      // What followed was pinged and not answered.
      assert.deepStrictEqual(yield* connection.end, { _tag: "PingTimeout" })
    }).pipe(Effect.provide(client()))
  )

  it.effect("asks a silent server once more after the program did not run, and no third time", () =>
    Effect.gen(function* () {
      const held = yield* heldClock
      const { connection } = yield* joined({}, { pingInterval: 5, pingTimeout: 15 }).pipe(
        Effect.provideService(Clock.Clock, held.clock)
      )
      yield* TestClock.adjust("5 seconds")
      held.holdBack("1 minute")
      yield* TestClock.adjust("15 seconds")
      held.holdBack("1 minute")
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(yield* connection.end, { _tag: "PingTimeout" })
    }).pipe(Effect.provide(client()))
  )

  it.effect("gives a server two seconds for the first ping after the program did not run", () =>
    Effect.gen(function* () {
      const held = yield* heldClock
      const { connection, dial } = yield* joined({}, { pingInterval: 5, pingTimeout: 15 }).pipe(
        Effect.provideService(Clock.Clock, held.clock)
      )
      yield* TestClock.adjust("1 second")
      held.holdBack("1 hour")
      yield* TestClock.adjust("4 seconds")
      yield* TestClock.adjust("1900 millis")
      assert.isTrue(dial.isOpen())
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* connection.end, { _tag: "PingTimeout" })
    }).pipe(Effect.provide(client()))
  )

  it.effect("says of a probe whether the server answered, and closes nothing", () =>
    Effect.gen(function* () {
      const { connection, dial } = yield* joined()
      const first = yield* Effect.forkScoped(connection.probe)
      yield* nextRequest(dial)
      yield* dial.send(frame({ case: "pong", value: 1n }))
      assert.isTrue(yield* Fiber.join(first))
      const second = yield* Effect.forkScoped(connection.probe)
      yield* TestClock.adjust("2 seconds")
      assert.isFalse(yield* Fiber.join(second))
      assert.isTrue(dial.isOpen())
    }).pipe(Effect.provide(client()))
  )

  it.effect("sends no pings when the server asks for none", () =>
    Effect.gen(function* () {
      const { dial } = yield* joined({}, { pingInterval: 0, pingTimeout: 0 })
      yield* TestClock.adjust("1 hour")
      assert.isTrue(Option.isNone(yield* Queue.poll(dial.frames)))
    }).pipe(Effect.provide(client()))
  )
})

describe("SignalClient.resume", () => {
  it.effect("asks for the session on the route of the join", () =>
    Effect.gen(function* () {
      const fiber = yield* resume({ path: "v0" }).pipe(Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      assert.strictEqual(dial.url.pathname, "/rtc")
      assert.strictEqual(dial.url.searchParams.get("reconnect"), "1")
      assert.strictEqual(dial.url.searchParams.get("sid"), "PA_1")
      assert.strictEqual(dial.url.searchParams.get("reconnect_reason"), "1")
      yield* dial.open
      yield* dial.send(frame({ case: "reconnect", value: new ReconnectResponse({ lastMessageSeq: 7 }) }))
      const { handshake } = yield* Fiber.join(fiber)
      assert.isTrue(handshake._tag === "Resumed" && handshake.response?.lastMessageSeq === 7)
    }).pipe(Effect.provide(client()))
  )

  it.effect("puts the resume into the join request of /rtc/v1", () =>
    Effect.gen(function* () {
      yield* resume().pipe(Effect.forkScoped)
      const { request } = readJoinRequest((yield* (yield* TestSocket.TestSocket).dial).url)
      assert.isTrue(request.reconnect)
      assert.strictEqual(request.participantSid, "PA_1")
      assert.strictEqual(request.reconnectReason, ReconnectReason.RR_SIGNAL_DISCONNECTED)
    }).pipe(Effect.provide(client()))
  )

  it.effect("accepts an old server's other first message and hands it on", () =>
    Effect.gen(function* () {
      const fiber = yield* resume().pipe(Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      yield* dial.send(frame({ case: "refreshToken", value: "next" }))
      const connection = yield* Fiber.join(fiber)
      assert.isTrue(connection.handshake._tag === "Resumed" && connection.handshake.response === undefined)
      const first = yield* Queue.take(connection.incoming)
      assert.isTrue(first._tag === "Message" && first.message.case === "refreshToken")
    }).pipe(Effect.provide(client()))
  )

  it.effect("fails at once when the server refuses the resume with a leave", () =>
    Effect.gen(function* () {
      const fiber = yield* resume().pipe(Effect.flip, Effect.forkScoped)
      const dial = yield* (yield* TestSocket.TestSocket).dial
      yield* dial.open
      yield* dial.send(frame({ case: "leave", value: new LeaveRequest({ canReconnect: true }) }))
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error.reason._tag, "LeaveReceived")
      assert.strictEqual(error.recovery, "Restart")
    }).pipe(Effect.provide(client()))
  )
})

// --- the far end ---

let validated: Array<string> = []

/** Fires `error` and never `close`. */
const failingSocket = (): WebSocketConstructor.WebSocketLike => {
  const events = new EventTarget()
  queueMicrotask(() => events.dispatchEvent(new Event("error")))
  return {
    binaryType: "blob",
    readyState: 3,
    send: () => {},
    close: () => {},
    addEventListener: (type, listener) => events.addEventListener(type, () => listener({})),
    removeEventListener: () => {}
  }
}

type Validate = { readonly status: number; readonly body: string } | Error | "silent"

const client = (validate: Validate = { status: 200, body: "success" }) =>
  SignalClient.layer.pipe(
    Layer.provideMerge(TestSocket.layer),
    Layer.provide(
      Layer.effect(
        HttpGet.HttpGet,
        Effect.sync(() => {
          validated = []
          return (href: string) =>
            Effect.suspend(() => {
              validated.push(href)
              if (validate === "silent") return Effect.never
              return validate instanceof Error
                ? Effect.fail(new HttpGet.HttpGetError({ cause: validate }))
                : Effect.succeed({ ...validate, cacheControl: undefined })
            })
        })
      )
    )
  )

const frame = (message: SignalResponse["message"]) => new SignalResponse({ message }).toBinary()

const joinFrame = (
  ping: { readonly pingInterval: number; readonly pingTimeout: number } = { pingInterval: 0, pingTimeout: 0 }
) => frame({ case: "join", value: new JoinResponse({ serverVersion: "1.13.5", ...ping }) })

const joined = (
  options: Partial<SignalClient.JoinOptions> = {},
  ping?: { readonly pingInterval: number; readonly pingTimeout: number }
): Effect.Effect<
  { readonly connection: SignalConnection.SignalConnection; readonly dial: TestSocket.Dial },
  never,
  SignalClient.SignalClient | TestSocket.TestSocket | Scope.Scope
> =>
  Effect.gen(function* () {
    const fiber = yield* join(options).pipe(Effect.orDie, Effect.forkScoped)
    const dial = yield* (yield* TestSocket.TestSocket).dial
    yield* dial.open
    yield* dial.send(joinFrame(ping))
    return { connection: yield* Fiber.join(fiber), dial }
  })

/** The test's clock, on which time can go by without a timer coming through. */
const heldClock = Effect.map(Clock.Clock, (clock) => {
  const self = { heldBack: 0 }
  const now = () => clock.currentTimeMillisUnsafe() + self.heldBack
  return {
    clock: { ...clock, sleep: (duration: Duration.Duration) => clock.sleep(duration), currentTimeMillisUnsafe: now },
    holdBack: (time: Duration.Input) => {
      self.heldBack += Duration.toMillis(Duration.fromInputUnsafe(time))
    }
  }
})

const refused = (options: Partial<SignalClient.JoinOptions> = {}) =>
  Effect.gen(function* () {
    const fiber = yield* join(options).pipe(Effect.scoped, Effect.flip, Effect.forkScoped)
    yield* Effect.flatMap((yield* TestSocket.TestSocket).dial, (dial) => dial.refuse)
    return yield* Fiber.join(fiber)
  })

const nextRequest = (dial: TestSocket.Dial) =>
  Effect.map(dial.received, (received) => {
    assert.strictEqual(received._tag, "Frame")
    return received._tag === "Frame" ? SignalRequest.fromBinary(received.bytes).message : { case: undefined }
  })

const readWrapped = (dialled: URL) => {
  const bytes = Base64Url.decode((dialled.searchParams.get("join_request") ?? "").replaceAll("=", ""))
  assert.isTrue(bytes._tag === "Success")
  return WrappedJoinRequest.fromBinary(bytes._tag === "Success" ? bytes.success : new Uint8Array())
}

const readJoinRequest = (dialled: URL) => {
  const wrapped = readWrapped(dialled)
  return { compression: wrapped.compression, request: JoinRequest.fromBinary(wrapped.joinRequest) }
}
