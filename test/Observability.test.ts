import { assert, describe, it } from "@effect/vitest"
import { AddTrackRequest, TrackType } from "@livekit/protocol"
import { Cause, Effect, Exit, Layer, Logger, Option, Redacted, References, Stream, Tracer } from "effect"
import { Packet, RTCEngine, Telemetry } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine, RtpTrack } from "effect-livekit/node"
import { TestRTCEngine, TestServer } from "effect-livekit/testing"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { inspect, promisify } from "node:util"

/** Spans as they end, and log lines, of everything that runs in the effect. */
const recorded = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const lines: Array<unknown> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const logger = Logger.make(({ cause, fiber, message }) => {
    lines.push({ message, cause: Cause.pretty(cause), annotations: fiber.getRef(References.CurrentLogAnnotations) })
  })
  const layer = Layer.mergeAll(
    Layer.succeed(Tracer.Tracer, tracer),
    Logger.layer([logger]),
    Layer.succeed(References.MinimumLogLevel, "Trace")
  )
  return { layer, spans, lines }
}

const find = (spans: ReadonlyArray<Tracer.NativeSpan>, name: string) => {
  const span = spans.find((each) => each.name === name)
  return span ?? assert.fail(`no span ${name} in ${spans.map((each) => each.name).join(", ")}`)
}

/** Everything that could be shown of a value. */
const shown = (value: unknown) =>
  inspect(value, { depth: 12, showHidden: true, getters: true, maxStringLength: Infinity, maxArrayLength: Infinity })

const session = Effect.gen(function* () {
  const server = yield* DevServer.DevServer
  const token = yield* server.token({ identity: "alice", room: "hall" })
  const engine = yield* RTCEngine.make
  yield* Telemetry.observe(engine)
  const events = yield* engine.subscribeEvents
  const back = (tag: string) =>
    Stream.fromSubscription(events).pipe(
      Stream.filter(({ _tag }) => _tag === tag),
      Stream.runHead
    )
  yield* engine.connect({ url: server.url, token })
  yield* engine.sendData(Packet.user("hello"))
  yield* server.faults.refreshToken("alice")
  yield* back("TokenRefreshed")
  yield* server.faults.dropSignal("alice")
  yield* back("Resumed")
  yield* server.faults.refuseNextResume("alice")
  yield* server.faults.dropSignal("alice")
  yield* back("Reconnected")
  return Redacted.value(token)
}).pipe(Effect.scoped)

const services = Layer.mergeAll(
  NodeRTCEngine.layerServices,
  DevServer.layer().pipe(Layer.provide(NodeDataChannel.layer))
)

describe("spans", () => {
  it.live("follow a connection from its join over a resume to a new session", () =>
    Effect.gen(function* () {
      const { layer, spans } = recorded()
      yield* session.pipe(Effect.provide(Layer.provideMerge(services, layer)))
      const connect = find(spans, "RTCEngine.connect")
      const join = find(spans, "SignalClient.join")
      const parents: Array<string> = []
      for (let span: Tracer.AnySpan | undefined = join; span?._tag === "Span";) {
        parents.push(span.name)
        span = span.parent._tag === "Some" ? span.parent.value : undefined
      }
      assert.include(parents, connect.name)
      assert.strictEqual(join.attributes.get("server.address"), "127.0.0.1")
      assert.strictEqual(join.attributes.get("livekit.signal.path"), "v1")
      assert.match(String(join.attributes.get("livekit.participant.sid")), /^PA_/)
      const resume = find(spans, "SignalClient.resume")
      assert.strictEqual(resume.attributes.get("livekit.reconnect.reason"), "RR_SIGNAL_DISCONNECTED")
      for (const name of [
        "PeerConnectionTransport.initialOffer",
        "RTCEngine.reconnect",
        "RTCEngine.restart",
        "Session.resume",
        "Session.replay"
      ]) {
        assert.strictEqual(find(spans, name).status._tag, "Ended", name)
      }
      const reconnect = find(spans, "RTCEngine.reconnect")
      assert.strictEqual(reconnect.attributes.get("livekit.reconnect.cause"), "SignalEnded")
      // An outage is a trace of its own: the join may be hours ago.
      assert.notStrictEqual(reconnect.traceId, connect.traceId)
    })
  )

  it.live("cover asking for a track, publishing it, and the negotiation that it takes", () =>
    Effect.gen(function* () {
      const { layer, spans } = recorded()
      yield* Effect.gen(function* () {
        const server = yield* DevServer.DevServer
        const engine = yield* RTCEngine.make
        const token = yield* server.token({ identity: "alice", room: "hall" })
        yield* engine.connect({ url: server.url, token, connectionMode: "dual" })
        yield* engine.addTrack(new AddTrackRequest({ cid: "microphone", type: TrackType.AUDIO }))
        const { track } = yield* RtpTrack.source("opus")
        yield* engine.publishTrack(track)
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(services, layer)))
      const asked = find(spans, "RTCEngine.addTrack")
      assert.match(String(asked.attributes.get("livekit.track.sid")), /^TR_/)
      const published = find(spans, "RTCEngine.publishTrack")
      assert.strictEqual(published.attributes.get("livekit.track.kind"), "audio")
      const established = find(spans, "RTCEngine.establishTrack")
      assert.strictEqual(Option.getOrThrow(established.parent).spanId, published.spanId)
      assert.match(String(established.attributes.get("livekit.track.sid")), /^TR_/)
      const targets = ["negotiate", "answer"].map((step) =>
        find(spans, `PeerConnectionTransport.${step}`).attributes.get("livekit.peer_connection.target")
      )
      assert.deepStrictEqual(targets, ["publisher", "subscriber"])
    })
  )

  it.effect("cover the search for a region", () =>
    Effect.gen(function* () {
      const { layer, spans } = recorded()
      const server = yield* TestServer.TestServer
      yield* server.faults.closeHost(server.url)
      yield* Effect.ignore(TestRTCEngine.join("alice")).pipe(Effect.provide(layer))
      assert.strictEqual(find(spans, "RegionUrlProvider.next").status._tag, "Ended")
    }).pipe(Effect.scoped, Effect.provide(TestServer.layer({ regions: ["ams"] })))
  )

  it.live("are none for what is sent and received", () =>
    Effect.gen(function* () {
      const { layer, spans } = recorded()
      yield* Effect.gen(function* () {
        const server = yield* DevServer.DevServer
        const engine = yield* RTCEngine.make
        yield* engine.connect({ url: server.url, token: yield* server.token({ identity: "alice", room: "hall" }) })
        const before = spans.length
        for (let index = 0; index < 100; index++) {
          yield* engine.sendData(Packet.user("hello"))
          yield* engine.sendData(Packet.user("hello"), { kind: "lossy" })
        }
        assert.strictEqual(spans.length, before)
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(services, layer)))
    })
  )
})

describe("a token", () => {
  it.live("is in no span and no log line of a session, whatever the level", () =>
    Effect.gen(function* () {
      const { layer, lines, spans } = recorded()
      const token = yield* session.pipe(Effect.provide(Layer.provideMerge(services, layer)))
      const all = shown(spans.map(({ attributes, events, status }) => ({ attributes, events, status }))) + shown(lines)
      assert.include(all, "RR_SIGNAL_DISCONNECTED")
      assert.notInclude(all, token)
      // Nor is one that the server gave on the way: all of them begin like this.
      assert.notMatch(all, /eyJ[\w-]{10}/)
    })
  )

  it.live("is in no span, log line or error of a connection that fails", () =>
    Effect.gen(function* () {
      const secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2VjcmV0LXNpZ25hdHVyZQ"
      const server = yield* DevServer.DevServer
      for (const url of [
        server.url,
        "ws://127.0.0.1:9",
        "wss://does-not-exist.invalid",
        server.url.replace("ws:", "wss:")
      ]) {
        const { layer, lines, spans } = recorded()
        const exit = yield* RTCEngine.make.pipe(
          Effect.tap(Telemetry.observe),
          Effect.flatMap((engine) => engine.connect({ url, token: Redacted.make(secret) })),
          Effect.scoped,
          Effect.exit,
          Effect.provide(layer)
        )
        if (Exit.isSuccess(exit)) return assert.fail("it connected")
        const text = [shown(exit.cause), Cause.pretty(exit.cause), JSON.stringify(exit), shown(lines)].join("\n")
        const traced = shown(spans.map(({ attributes, events, status }) => ({ attributes, events, status })))
        assert.include(text + traced, "EngineError", url)
        for (const part of [secret, "c2VjcmV0LXNpZ25hdHVyZQ"]) assert.notInclude(text + traced, part, url)
      }
    }).pipe(Effect.provide(services))
  )
})

describe("the example with OTLP", () => {
  it("sends traces, metrics and logs to a collector", { timeout: 60_000 }, async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=@effect-livekit/source", "examples/observability.ts"],
      { timeout: 50_000 }
    )
    const [, traces = "", metrics = "", logs = ""] = /^traces\n([^]*)metrics\n([^]*)logs\n([^]*)$/.exec(stdout) ?? []
    for (const name of ["RTCEngine.connect", "SignalClient.join {", "RTCEngine.reconnect", "Session.resume"]) {
      assert.include(traces, `  ${name}`)
    }
    for (const name of [
      "livekit.connections",
      "livekit.reconnect.attempts",
      "livekit.recovery.duration",
      "livekit.data.sent.packets"
    ]) {
      assert.include(metrics, `  ${name}\n`)
    }
    assert.match(logs, /Info connected \{livekit\.room=hall, livekit\.signal\.path=v1\}/)
    const documented = /What a collector gets[^]*?```text\n([^]*?)```/.exec(
      readFileSync("docs/observability.md", "utf8")
    )?.[1]
    // Whether there is something to replay, and a round trip to measure, is a matter of milliseconds.
    const comparable = (text = "") =>
      text
        .replaceAll(/(PA|RM)_\w+/g, "$1_")
        .replaceAll(/\d+/g, "N")
        .replaceAll(/ {2}livekit\.(data\.replayed\.packets|signal\.rtt)\n/g, "")
    assert.strictEqual(comparable(stdout), comparable(documented))
    assert.match(logs, /Warn the connection was lost, resuming \{livekit\.reconnect\.cause=SignalEnded/)
  })
})
