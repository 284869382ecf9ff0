/**
 * Which of the encodings of a video track somebody receives, and which of them nobody wants. Plain decisions.
 */
import { SubscribedQuality, type TrackInfo, type UpdateTrackSettings, VideoQuality } from "@livekit/protocol"

/** An encoding that comes in beside others, named as LiveKit names them. */
export interface Layer<Media> {
  readonly rid: string
  readonly track: Media
}

/** From the smallest to the largest. */
const qualities = [VideoQuality.LOW, VideoQuality.MEDIUM, VideoQuality.HIGH] as const

export const qualityOf = (rid: string): VideoQuality =>
  rid === "q" ? VideoQuality.LOW : rid === "h" ? VideoQuality.MEDIUM : VideoQuality.HIGH

/** So much smaller than asked for is large enough. */
const tolerance = 0.9

/** Heights that are usual where a publisher has told none. */
const usual = ({ height, width }: TrackInfo) => [180, 360, Math.min(width, height)]

/** The smallest quality with so many lines, as a LiveKit server finds it. */
const ofSize = (info: TrackInfo, wanted: { width: number; height: number }): VideoQuality => {
  const declared = info.layers.filter(({ height }) => height > 0)
  if (declared.length === 0 && info.height === 0) return VideoQuality.HIGH
  const isPortrait = declared.length === 0 && info.width < info.height
  const lines = (isPortrait ? wanted.width : wanted.height) * tolerance
  const sizes =
    declared.length > 0
      ? declared.toSorted((a, b) => a.height - b.height || a.quality - b.quality)
      : usual(info).map((height, index) => ({ height, quality: qualities[index] ?? VideoQuality.HIGH }))
  // Of several in one size the best.
  const found = sizes.find(({ height }, at) => height >= lines && height !== sizes[at + 1]?.height)
  return (found ?? sizes.at(-1))?.quality ?? VideoQuality.HIGH
}

/** The highest quality that somebody wants; the highest there is as long as nothing else was said. */
export const wanted = (info: TrackInfo, settings: UpdateTrackSettings | undefined): VideoQuality => {
  if (settings === undefined) return VideoQuality.HIGH
  const { height, quality, width } = settings
  return width > 0 && height > 0 ? ofSize(info, { width, height }) : quality
}

/** The best that is not better than wanted, and else the least that is. */
export const choose = <Media>(layers: ReadonlyArray<Layer<Media>>, wanted: VideoQuality): Layer<Media> | undefined => {
  const sorted = layers.toSorted((a, b) => qualityOf(a.rid) - qualityOf(b.rid))
  return sorted.findLast(({ rid }) => qualityOf(rid) <= wanted) ?? sorted[0]
}

/** What a publisher is told: all up to the highest that anybody wants; `undefined` is nobody. */
export const subscribed = (highest: VideoQuality | undefined): ReadonlyArray<SubscribedQuality> =>
  qualities.map((quality) => new SubscribedQuality({ quality, enabled: highest !== undefined && quality <= highest }))
