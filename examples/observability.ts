/**
 * Sends traces, metrics and logs of a session to an OpenTelemetry collector: the one that OTEL_EXPORTER_OTLP_ENDPOINT names, or one
 * in this process that prints what it gets. The session loses its signal connection once.
 */
import { Effect, Layer, Stream } from "effect"
import { Packet, RTCEngine, Telemetry } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { FetchHttpClient } from "effect/http"
import { Otlp } from "effect/observability"
import { collector } from "./collector.ts"

const session = Effect.gen(function* () {
  const server = yield* DevServer.DevServer
  const engine = yield* RTCEngine.make
  yield* Telemetry.observe(engine, { attributes: { "livekit.room": "hall" } })
  const events = yield* engine.subscribeEvents
  yield* engine.connect({ url: server.url, token: yield* server.token({ identity: "alice", room: "hall" }) })
  yield* engine.sendData(Packet.user("hello"))
  // A server sees a moment later that a connection stands, and resumes none before.
  yield* Effect.sleep("500 millis")
  yield* server.faults.dropSignal("alice")
  yield* Stream.fromSubscription(events).pipe(
    Stream.filter(({ _tag }) => _tag === "PostReconnect"),
    Stream.runHead
  )
}).pipe(Effect.scoped, Effect.withSpan("session"), Effect.provide(NodeRTCEngine.layerServices))

const program = Effect.gen(function* () {
  const { baseUrl, print } = yield* collector(process.env["OTEL_EXPORTER_OTLP_ENDPOINT"])
  const exporter = Otlp.layerJson({
    baseUrl,
    resource: { serviceName: "example" },
    loggerMergeWithExisting: false
  }).pipe(Layer.provide(FetchHttpClient.layer))
  // The server is outside, so that only the client's spans are sent. Releasing the exporter sends what is left.
  yield* session.pipe(Effect.provide(exporter))
  yield* print
}).pipe(Effect.scoped, Effect.provide(DevServer.layer().pipe(Layer.provide(NodeDataChannel.layer))))

await Effect.runPromise(program)
