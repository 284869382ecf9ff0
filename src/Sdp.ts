/**
 * What the engine reads from session descriptions.
 */
import { parseSdp } from "./internal/parseSdp.ts"
import type { Direction } from "./RtcMedia.ts"

/**
 * Largest message in bytes that the author of a description takes (RFC 8841): 65,536 when it does not say, infinite when it
 * says 0.
 *
 * @category parsing
 */
export const maxMessageSize = (sdp: string): number => {
  const found = /^a=max-message-size:(\d+)\s*$/m.exec(sdp)
  if (found === null) return 65_536
  const size = Number(found[1])
  return size === 0 ? Infinity : size
}

/**
 * Whether a description has data channels: an application section that is not refused (RFC 8841).
 *
 * @category parsing
 */
export const hasDataChannels = (sdp: string): boolean => /^m=application [1-9]/m.test(sdp)

/**
 * A media section, as its author describes it.
 *
 * @category models
 */
export interface Section {
  readonly mid: string
  readonly kind: "audio" | "video"
  readonly direction: Direction
  /** The author will not use it (RFC 8843: port 0 and not bundled). */
  readonly isRejected: boolean
  /** From `a=msid`: the stream, and the track in it; `-` is no stream. */
  readonly streamId: string | undefined
  readonly trackId: string | undefined
  /** As `VP8`, in the order of preference. */
  readonly codecs: ReadonlyArray<string>
}

/**
 * The audio and video sections of a description; none of one that cannot be read.
 *
 * @category parsing
 */
export const sections = (sdp: string): ReadonlyArray<Section> =>
  parseSdp(sdp).media.flatMap((media) => {
    const { bundleOnly, direction = "sendrecv", mid, msid, port, rtp, type } = media
    if (type !== "audio" && type !== "video") return []
    const stream = msid?.[0]
    return [
      {
        mid: String(mid ?? ""),
        kind: type,
        direction,
        isRejected: port === 0 && bundleOnly === undefined,
        streamId: stream === undefined || stream.id === "-" ? undefined : String(stream.id),
        trackId: stream?.appdata === undefined ? undefined : String(stream.appdata),
        codecs: rtp.map(({ codec }) => codec)
      }
    ]
  })

/**
 * Whether the author of this section sends.
 *
 * @category predicates
 */
export const isSending = ({ direction, isRejected }: Section): boolean =>
  !isRejected && (direction === "sendonly" || direction === "sendrecv")

/**
 * Whether the author of this section receives.
 *
 * @category predicates
 */
export const isReceiving = ({ direction, isRejected }: Section): boolean =>
  !isRejected && (direction === "recvonly" || direction === "sendrecv")
