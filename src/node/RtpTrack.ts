/**
 * Tracks of node-datachannel: encoded media as RTP packets, in and out, for applications that have Opus or VP8 already.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { PeerConnectionError, Unsupported } from "../PeerConnectionError.ts"
import type { MediaKind, MediaTrack } from "../RtcMedia.ts"
import * as RtpPacket from "./RtpPacket.ts"

/**
 * Codecs of which packets are sent and received.
 *
 * @category models
 */
export type RtpCodec = "opus" | "VP8" | "VP9" | "H264"

/**
 * A track of RTP packets, as node-datachannel has them.
 *
 * @category models
 */
export class RtpTrack implements MediaTrack {
  readonly id: string
  readonly kind: MediaKind
  enabled = true
  /** The codec of a packet, by its payload type; what is unknown is not passed on. A track of one codec gives it for any. */
  readonly codecOf: (payloadType: number) => RtpCodec | undefined
  readonly #readers = new Set<(packet: Uint8Array) => void>()
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

  /** Hands a packet to all readers; what is no RTP is dropped. */
  write(packet: Uint8Array) {
    if (!RtpPacket.isRtp(packet)) return
    for (const read of this.#readers) read(packet)
  }

  /** Reads packets from now on; the bytes are not reused. */
  read(reader: (packet: Uint8Array) => void): () => void {
    this.#readers.add(reader)
    return () => void this.#readers.delete(reader)
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
  /** Sends an RTP packet; its SSRC, payload type and numbers are replaced by those of the connection. Garbage is dropped. */
  readonly write: (packet: Uint8Array) => void
  /** A receiver wants a picture that needs no other. */
  readonly keyframeRequests: Stream.Stream<void>
}

/**
 * A track of packets that the application has.
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
    const requests = yield* Queue.sliding<void>(1)
    const track = new RtpTrack({
      id: `rtp-${((yield* Random.nextInt) >>> 0).toString(36)}${((yield* Random.nextInt) >>> 0).toString(36)}`,
      kind: codec === "opus" ? "audio" : "video",
      codecOf: () => codec,
      onKeyframeRequest: () => void Queue.offerUnsafe(requests, undefined)
    })
    return { track, write: (packet) => track.write(packet), keyframeRequests: Stream.fromQueue(requests) }
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
