/**
 * The metrics of engines, by the conventions of OpenTelemetry: dots in names, units as attributes, few label values. They are kept
 * up to date by {@link "./Telemetry"}, and are in Effect's own registry: any exporter of Effect's metrics sends them.
 */
import * as Metric from "effect/Metric"

/** Engines in each state, by the attribute `livekit.connection.state`. */
export const connections = Metric.gauge("livekit.connections", {
  description: "Engines in each connection state",
  attributes: { unit: "{connection}" }
})

/**
 * Attempts to reconnect, by `livekit.reconnect.cause` (the tag of the `DisconnectCause`) and `livekit.reconnect.outcome`:
 * `resumed`, `restarted`, `failed`.
 */
export const reconnectAttempts = Metric.counter("livekit.reconnect.attempts", {
  description: "Attempts to bring a connection back, by cause and outcome",
  attributes: { unit: "{attempt}" },
  incremental: true
})

/** Milliseconds from the loss of a connection to the connection being back, by `livekit.reconnect.outcome`. */
export const recoveryDuration = Metric.histogram("livekit.recovery.duration", {
  description: "Time from the loss of a connection to its recovery",
  attributes: { unit: "ms" },
  boundaries: [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000]
})

/** Milliseconds of the signal round trip, sampled. */
export const signalRoundTrip = Metric.histogram("livekit.signal.rtt", {
  description: "Round trip of the signal connection",
  attributes: { unit: "ms" },
  boundaries: [5, 10, 25, 50, 100, 200, 400, 800, 1_600]
})

/** Encoded bytes of packets that were accepted for sending. */
export const bytesSent = Metric.counter("livekit.data.sent.bytes", {
  description: "Bytes of packets accepted for sending",
  attributes: { unit: "By" },
  incremental: true
})

const packets = (name: string, description: string) =>
  Metric.counter(name, { description, attributes: { unit: "{packet}" }, incremental: true })

/** Packets accepted for sending, by `livekit.data.kind`. */
export const packetsSent = packets("livekit.data.sent.packets", "Packets accepted for sending")

/** Packets handed to the application. */
export const packetsReceived = packets("livekit.data.received.packets", "Packets handed to the application")

/** Packets that were not handed on, by `livekit.data.drop.reason`: `send_full`, `receive_full`, `duplicate`, `malformed`. */
export const packetsDropped = packets("livekit.data.dropped.packets", "Packets that were dropped, by reason")

/** Reliable packets sent again in a resume because the server had not seen them. */
export const packetsReplayed = packets("livekit.data.replayed.packets", "Reliable packets replayed by a resume")

/** Reliable packets that may not have survived a full reconnect. */
export const packetsInDoubt = packets("livekit.data.in_doubt.packets", "Reliable packets whose fate is unknown")

/** Reliable packets that were accepted and not delivered when a connection ended, as far as is known. */
export const packetsUndelivered = packets(
  "livekit.data.undelivered.packets",
  "Reliable packets not delivered when a connection ended"
)

/** Bytes of reliable data that wait to be sent, summed over engines, sampled. */
export const bytesBuffered = Metric.gauge("livekit.data.buffered.bytes", {
  description: "Reliable data waiting to be sent",
  attributes: { unit: "By" }
})

/**
 * Samples of connected engines by the candidates that carry the publisher: `livekit.ice.local`, `livekit.ice.remote` (`host`,
 * `srflx`, `prflx`, `relay`) and `network.transport`. Where the runtime has statistics: browsers and wrtc.
 */
export const candidatePairs = Metric.counter("livekit.ice.candidate_pair.samples", {
  description: "Samples of the candidate pair in use, by type",
  attributes: { unit: "{sample}" },
  incremental: true
})
