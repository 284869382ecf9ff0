/**
 * How a video track is encoded: one encoding, or simulcast layers as LiveKit names them. Pure.
 */
import { VideoLayer, VideoQuality } from "@livekit/protocol"
import type { Encoding } from "./RtcMedia.ts"

/**
 * How a video track is encoded.
 *
 * @category models
 */
export interface VideoOptions {
  /** Of the track, in pixels. */
  readonly width: number
  readonly height: number
  /** Bits per second of the largest encoding. Default 3 bits per pixel and second, at least 150,000. */
  readonly maxBitrate?: number | undefined
  readonly maxFramerate?: number | undefined
  /** Smaller encodings beside, so that a server can choose for each receiver. Default false. */
  readonly simulcast?: boolean | undefined
}

/**
 * Bits per second where none are given.
 *
 * @category decisions
 */
export const defaultBitrate = ({ height, width }: { readonly width: number; readonly height: number }): number =>
  Math.max(150_000, Math.round(width * height * 3))

/** Up to this longer side, in pixels, one more encoding would be of no use. */
const smallest = [
  { upTo: 480, rids: ["f"] },
  { upTo: 960, rids: ["q", "f"] },
  { upTo: Infinity, rids: ["q", "h", "f"] }
] as const

/**
 * The encodings of a track, from the smallest to the largest. One without simulcast, or of a track so small that it would not
 * help; each next one has half the size and, by the pixels, less than half the bitrate.
 *
 * @category decisions
 */
export const encodings = (options: VideoOptions): ReadonlyArray<Encoding> => {
  const { height, maxFramerate, simulcast = false, width } = options
  const maxBitrate = options.maxBitrate ?? defaultBitrate(options)
  const rate = maxFramerate === undefined ? {} : { maxFramerate }
  const rids = smallest.find(({ upTo }) => Math.max(width, height) <= upTo)?.rids ?? ["f"]
  if (!simulcast || rids.length === 1) return [{ maxBitrate, ...rate }]
  return rids.map((rid, index) => {
    const steps = rids.length - 1 - index
    return {
      rid,
      scaleResolutionDownBy: 2 ** steps,
      maxBitrate: Math.max(30_000, Math.round(maxBitrate / 3 ** steps)),
      ...rate
    }
  })
}

/**
 * What the server is told of the encodings.
 *
 * @category constructors
 */
export const layers = (
  { height, width }: { readonly width: number; readonly height: number },
  all: ReadonlyArray<Encoding>
): Array<VideoLayer> =>
  all.map(
    ({ maxBitrate = 0, rid, scaleResolutionDownBy = 1 }) =>
      new VideoLayer({
        quality: qualityOf(rid),
        width: Math.floor(width / scaleResolutionDownBy),
        height: Math.floor(height / scaleResolutionDownBy),
        bitrate: maxBitrate,
        ...(rid === undefined ? {} : { rid })
      })
  )

const qualityOf = (rid: string | undefined) =>
  rid === "q" ? VideoQuality.LOW : rid === "h" ? VideoQuality.MEDIUM : VideoQuality.HIGH
