/**
 * WebRTC statistics as typed values: the entries of the W3C report that a LiveKit client looks at, and all others as they are.
 * Numbers keep their W3C units: bytes, seconds (`jitter`, `roundTripTime`), milliseconds since 1970 (`timestamp`).
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

interface Base {
  readonly id: string
  readonly timestamp: number
}

interface Rtp extends Base {
  readonly ssrc: number
  readonly kind: string
  readonly mid: string | undefined
  readonly codecId: string | undefined
}

/**
 * As `RTCOutboundRtpStreamStats`, as far as it is used.
 *
 * @category models
 */
export interface OutboundRtp extends Rtp {
  readonly type: "outbound-rtp"
  readonly rid: string | undefined
  readonly packetsSent: number
  readonly bytesSent: number
  readonly framesEncoded: number
  readonly framesPerSecond: number
  readonly frameWidth: number
  readonly frameHeight: number
  readonly nackCount: number
  readonly pliCount: number
  /** `none`, `cpu`, `bandwidth`, `other`. */
  readonly qualityLimitationReason: string | undefined
}

/**
 * As `RTCInboundRtpStreamStats`, as far as it is used.
 *
 * @category models
 */
export interface InboundRtp extends Rtp {
  readonly type: "inbound-rtp"
  readonly packetsReceived: number
  readonly packetsLost: number
  readonly bytesReceived: number
  readonly jitter: number
  readonly framesDecoded: number
  readonly framesPerSecond: number
  readonly frameWidth: number
  readonly frameHeight: number
  readonly audioLevel: number
}

/**
 * How the far end received what we send.
 *
 * @category models
 */
export interface RemoteInboundRtp extends Rtp {
  readonly type: "remote-inbound-rtp"
  readonly packetsLost: number
  readonly jitter: number
  readonly fractionLost: number
  readonly roundTripTime: number
}

/**
 * As `RTCIceCandidatePairStats`, as far as it is used.
 *
 * @category models
 */
export interface CandidatePair extends Base {
  readonly type: "candidate-pair"
  readonly state: string | undefined
  readonly nominated: boolean
  readonly localCandidateId: string | undefined
  readonly remoteCandidateId: string | undefined
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly currentRoundTripTime: number
  readonly availableOutgoingBitrate: number
}

/**
 * As `RTCCodecStats`, as far as it is used.
 *
 * @category models
 */
export interface Codec extends Base {
  readonly type: "codec"
  readonly mimeType: string | undefined
  readonly payloadType: number
  readonly clockRate: number
}

/**
 * An entry of any other type, as the runtime gave it.
 *
 * @category models
 */
export interface Other extends Base {
  readonly type: "other"
  readonly name: string
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * An entry of a report, by its `type`.
 *
 * @category models
 */
export type Stats = OutboundRtp | InboundRtp | RemoteInboundRtp | CandidatePair | Codec | Other

/**
 * What a runtime says about a peer connection, a sender or a receiver at one moment. Empty where the runtime has no statistics.
 *
 * @category models
 */
export type StatsReport = ReadonlyArray<Stats>

/**
 * Asks for a report. Bound to the peer connection that was in use when it was made (S156).
 *
 * @category models
 */
export type StatsGetter = Effect.Effect<StatsReport>

/**
 * Reports on a schedule, the first one at once.
 *
 * @example
 * ```ts
 * import { Stats } from "effect-livekit"
 * import { Schedule } from "effect"
 *
 * const everySecond = (getter: Stats.StatsGetter) => Stats.stream(getter, Schedule.spaced("1 second"))
 * ```
 *
 * @category streams
 */
export const stream = <Output, E, R>(
  getter: StatsGetter,
  schedule: Schedule.Schedule<Output, StatsReport, E, R>
): Stream.Stream<StatsReport, E, R> => Stream.fromEffectRepeat(getter).pipe(Stream.schedule(schedule))

/**
 * The entries of one type.
 *
 * @category selecting
 */
export const ofType = <Type extends Stats["type"]>(
  report: StatsReport,
  type: Type
): ReadonlyArray<Extract<Stats, { readonly type: Type }>> =>
  report.filter((entry): entry is Extract<Stats, { readonly type: Type }> => entry.type === type)

/**
 * Reads an entry of a runtime's report. What is missing is 0 or undefined.
 *
 * @category parsing
 */
export const fromEntry = (entry: object): Stats => {
  const value = (key: string): unknown => (Predicate.hasProperty(entry, key) ? entry[key] : undefined)
  const number = (key: string) => asNumber(value(key))
  const text = (key: string) => asText(value(key))
  const type = text("type") ?? ""
  const base = { id: text("id") ?? "", timestamp: number("timestamp") }
  const rtp = () => ({
    ...base,
    ssrc: number("ssrc"),
    kind: text("kind") ?? text("mediaType") ?? "",
    mid: text("mid"),
    codecId: text("codecId")
  })
  const picture = () => ({
    framesPerSecond: number("framesPerSecond"),
    frameWidth: number("frameWidth"),
    frameHeight: number("frameHeight")
  })
  switch (type) {
    case "outbound-rtp":
      return {
        type,
        ...rtp(),
        ...picture(),
        rid: text("rid"),
        packetsSent: number("packetsSent"),
        bytesSent: number("bytesSent"),
        framesEncoded: number("framesEncoded"),
        nackCount: number("nackCount"),
        pliCount: number("pliCount"),
        qualityLimitationReason: text("qualityLimitationReason")
      }
    case "inbound-rtp":
      return {
        type,
        ...rtp(),
        ...picture(),
        packetsReceived: number("packetsReceived"),
        packetsLost: number("packetsLost"),
        bytesReceived: number("bytesReceived"),
        jitter: number("jitter"),
        framesDecoded: number("framesDecoded"),
        audioLevel: number("audioLevel")
      }
    case "remote-inbound-rtp":
      return {
        type,
        ...rtp(),
        packetsLost: number("packetsLost"),
        jitter: number("jitter"),
        fractionLost: number("fractionLost"),
        roundTripTime: number("roundTripTime")
      }
    case "candidate-pair":
      return {
        type,
        ...base,
        state: text("state"),
        nominated: value("nominated") === true,
        localCandidateId: text("localCandidateId"),
        remoteCandidateId: text("remoteCandidateId"),
        bytesSent: number("bytesSent"),
        bytesReceived: number("bytesReceived"),
        currentRoundTripTime: number("currentRoundTripTime"),
        availableOutgoingBitrate: number("availableOutgoingBitrate")
      }
    case "codec":
      return {
        type,
        ...base,
        mimeType: text("mimeType"),
        payloadType: number("payloadType"),
        clockRate: number("clockRate")
      }
    default:
      return { type: "other", ...base, name: type, values: { ...entry } }
  }
}

const asNumber = (value: unknown) => (typeof value === "number" ? value : 0)
const asText = (value: unknown) => (typeof value === "string" ? value : undefined)
