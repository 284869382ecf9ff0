/**
 * Tracks of RTP packets: encoded media, in and out, for applications that have Opus or VP8 already. Those of node-datachannel are
 * such tracks, and those of the testing kit.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { PeerConnectionError, Unsupported } from "./PeerConnectionError.ts"
import type { MediaKind, MediaTrack } from "./RtcMedia.ts"
import * as RtcpPacket from "./internal/rtp/RtcpPacket.ts"
import * as RtpPacket from "./internal/rtp/RtpPacket.ts"

/**
 * Codecs of which packets are sent and received.
 *
 * @category models
 */
export type RtpCodec = "opus" | "VP8" | "VP9" | "H264"

/**
 * A track of RTP packets.
 *
 * @category models
 */
export class RtpTrack implements MediaTrack {
  readonly id: string
  readonly kind: MediaKind
  enabled = true
  /** The codec of a packet, by its payload type; what is unknown is not passed on. A track of one codec gives it for any. */
  readonly codecOf: (payloadType: number) => RtpCodec | undefined
  readonly #readers = new Set<(packet: Uint8Array, audioLevel?: number) => void>()
  readonly #reportReaders = new Set<(moment: RtcpPacket.Moment) => void>()
  readonly #onKeyframeRequest: () => void

  constructor(options: {
    readonly id: string
    readonly kind: MediaKind
    readonly codecOf: (payloadType: number) => RtpCodec | undefined
    readonly onKeyframeRequest: () => void
  }) {
    this.id = options.id
    this.kind = options.kind
    this.codecOf = options.codecOf
    this.#onKeyframeRequest = options.onKeyframeRequest
  }

  /** Hands a packet to all readers; what is no RTP is dropped. `audioLevel` is how loud it is, from 0 to 1. */
  write(packet: Uint8Array, audioLevel?: number) {
    if (!RtpPacket.isRtp(packet)) return
    for (const read of [...this.#readers]) read(packet, audioLevel)
  }

  /** Reads packets from now on; the bytes are not reused. */
  read(reader: (packet: Uint8Array, audioLevel?: number) => void): () => void {
    this.#readers.add(reader)
    return () => void this.#readers.delete(reader)
  }

  /** Tells all readers that a timestamp is that of a moment, as a sender report does (RFC 3550). */
  report(moment: RtcpPacket.Moment) {
    for (const read of this.#reportReaders) read(moment)
  }

  /** Reads reports from now on, by which tracks of one sender are played together. */
  readReports(reader: (moment: RtcpPacket.Moment) => void): () => void {
    this.#reportReaders.add(reader)
    return () => void this.#reportReaders.delete(reader)
  }

  /** Asks who sends for a picture that needs no other. */
  requestKeyframe() {
    this.#onKeyframeRequest()
  }
}

/**
 * A track that is to be published, and the way to fill it.
 *
 * @category models
 */
export interface RtpSource {
  readonly track: RtpTrack
  /**
   * Sends an RTP packet; its SSRC, payload type and numbers are replaced by those of the connection. Garbage is dropped. By the
   * level of its audio, from 0 to 1, the server sees who speaks (RFC 6464).
   */
  readonly write: (packet: Uint8Array, options?: { readonly audioLevel?: number | undefined }) => void
  /** A receiver wants a picture that needs no other. */
  readonly keyframeRequests: Stream.Stream<void>
}

/** Milliseconds between two reports of the time of a source. */
const reportInterval = 1_000

/**
 * A track of packets that the application has. Each is taken to be of the moment in which it is written, which receivers are told,
 * so that they play the tracks of one participant together.
 *
 * @example
 * ```ts
 * import type { RTCEngine } from "effect-livekit"
 * import { RtpTrack } from "effect-livekit/node"
 * import { Effect, Stream } from "effect"
 *
 * const relay = (engine: RTCEngine.Engine, packets: Stream.Stream<Uint8Array>) =>
 *   Effect.gen(function* () {
 *     const source = yield* RtpTrack.source("opus")
 *     yield* engine.publishTrack(source.track)
 *     yield* Stream.runForEach(packets, (packet) => Effect.sync(() => source.write(packet)))
 *   })
 * ```
 *
 * @category constructors
 */
export const source = (codec: RtpCodec): Effect.Effect<RtpSource> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const requests = yield* Queue.sliding<void>(1)
    const self = { reportDue: 0 }
    const track = new RtpTrack({
      id: `rtp-${((yield* Random.nextInt) >>> 0).toString(36)}${((yield* Random.nextInt) >>> 0).toString(36)}`,
      kind: codec === "opus" ? "audio" : "video",
      codecOf: () => codec,
      onKeyframeRequest: () => void Queue.offerUnsafe(requests, undefined)
    })
    const write: RtpSource["write"] = (packet, { audioLevel } = {}) => {
      track.write(packet, audioLevel)
      const now = clock.currentTimeMillisUnsafe()
      if (now < self.reportDue || !RtpPacket.isRtp(packet)) return
      self.reportDue = now + reportInterval
      track.report({ ntp: RtcpPacket.ntpOf(now), timestamp: RtpPacket.timestamp(packet) })
    }
    return { track, write, keyframeRequests: Stream.fromQueue(requests) }
  })

/** What comes faster than it is read is dropped, the oldest first. */
const backlog = 1_024

/**
 * The RTP packets of a track, from now on.
 *
 * @throws PeerConnectionError `Unsupported` for a track of another runtime
 * @category streams
 */
export const packets = (track: MediaTrack): Stream.Stream<Uint8Array, PeerConnectionError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      if (!(track instanceof RtpTrack)) {
        return yield* new PeerConnectionError({ reason: new Unsupported({ capability: "tracks of another runtime" }) })
      }
      const queue = yield* Queue.sliding<Uint8Array>(backlog)
      yield* Effect.acquireRelease(
        Effect.sync(() => track.read((packet) => Queue.offerUnsafe(queue, packet))),
        (stop) => Effect.sync(stop)
      )
      return Stream.fromQueue(queue)
    })
  )
