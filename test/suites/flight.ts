/**
 * A flight over real sockets, recorded.
 */
import { Effect, Layer, Redacted, Stream } from "effect"
import { type EngineEvent, Packet } from "effect-livekit"
import * as FlightRecorder from "effect-livekit/FlightRecorder"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"

/** A session that is joined, has some trouble (its signal is lost, unless told otherwise), is back, and is left. */
export const flight = (
  options: FlightRecorder.FlightRecorderOptions = {},
  trouble: (faults: DevServer.Faults) => Effect.Effect<void, unknown> = ({ dropSignal }) => dropSignal("alice")
) =>
  Effect.gen(function* () {
    const server = yield* DevServer.make()
    const token = yield* server.token({ identity: "alice", room: "hall" })
    const { engine, recording } = yield* FlightRecorder.make(options)
    const events = yield* engine.subscribeEvents
    const told = (tag: EngineEvent.EngineEvent["_tag"]) =>
      Stream.fromSubscription(events).pipe(
        Stream.filter(({ _tag }) => _tag === tag),
        Stream.runHead
      )
    yield* engine.connect({ url: server.url, token })
    // The server takes the connection for standing only a little later, and resumes none before.
    yield* told("ConnectionQualityUpdated")
    yield* engine.sendData(Packet.user("a payload that is nobody's business"))
    yield* trouble(server.faults)
    yield* told("PostReconnect")
    yield* engine.disconnect
    return { recording: yield* recording, token: Redacted.value(token) }
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)))
