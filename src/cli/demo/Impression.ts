/**
 * What was heard and seen of a tone and a moving picture in a while, and whether it is what was sent. Plain functions.
 */
import type { WrtcMedia } from "../../wrtc/index.ts"

/** 10 ms of audio, or a picture. */
export type Piece =
  | ({ readonly _tag: "Audio" } & WrtcMedia.AudioSamples)
  | ({ readonly _tag: "Picture" } & WrtcMedia.VideoPicture)

/** What is sent. */
export interface Sent {
  /** Of the tone, in Hz. */
  readonly frequency: number
  /** Its mean square, in dB below a full scale that is a square wave. */
  readonly level: number
  readonly width: number
  readonly height: number
  /** A second. */
  readonly pictures: number
}

export interface Impression {
  readonly level: number
  /** Of all that is heard, how much is the tone; from 0 to 1. */
  readonly purity: number
  /** A second. */
  readonly pictures: number
  /** Of the pictures, how many are another one than that before; from 0 to 1. */
  readonly moving: number
  readonly last: WrtcMedia.VideoPicture | undefined
}

/** How much of some samples is one frequency (Goertzel); from 0 to 1. */
const share = (samples: ReadonlyArray<number>, turn: number): number => {
  const coefficient = 2 * Math.cos(turn)
  let [one, two, squares] = [0, 0, 0]
  for (const sample of samples) {
    ;[one, two] = [sample + coefficient * one - two, one]
    squares += sample * sample
  }
  const power = one * one + two * two - coefficient * one * two
  return squares === 0 ? 0 : Math.min(1, (2 * power) / (squares * samples.length))
}

/** Far more than a picture that stands still changes by being encoded again and again. */
const isAnother = (before: WrtcMedia.VideoPicture, after: WrtcMedia.VideoPicture): boolean => {
  if (before.width !== after.width || before.height !== after.height) return true
  let difference = 0
  const count = after.width * after.height
  for (let index = 0; index < count; index++)
    difference += Math.abs((after.data[index] ?? 0) - (before.data[index] ?? 0))
  return difference / count > 1
}

/** The impression of what came in so many seconds. */
export const of = (pieces: ReadonlyArray<Piece>, seconds: number, frequency: number): Impression => {
  const audio = pieces.filter((piece) => piece._tag === "Audio")
  const pictures = pieces.filter((piece) => piece._tag === "Picture")
  // Of more channels than one, the first.
  const samples = audio.flatMap(({ channelCount = 1, samples }) =>
    [...samples].filter((_, at) => at % channelCount === 0)
  )
  const squares = samples.reduce((sum, sample) => sum + (sample / 32_768) ** 2, 0)
  const moved = pictures.filter((picture, index) => {
    const before = pictures[index - 1]
    return before !== undefined && isAnother(before, picture)
  })
  return {
    level: samples.length === 0 ? -Infinity : 10 * Math.log10(squares / samples.length),
    purity: share(samples, (2 * Math.PI * frequency) / (audio[0]?.sampleRate ?? 48_000)),
    pictures: pictures.length / seconds,
    moving: pictures.length < 2 ? 0 : moved.length / (pictures.length - 1),
    last: pictures.at(-1)
  }
}

/** What is not as it was sent; nothing if all is well. Encoders and a busy machine are allowed 3 dB and half the pictures. */
export const complaints = (
  { last, level, moving, pictures, purity }: Impression,
  sent: Sent
): ReadonlyArray<string> => [
  ...(Math.abs(level - sent.level) <= 3 ? [] : [`the tone was sent with ${sent.level.toFixed(1)} dBFS`]),
  ...(purity >= 0.8 ? [] : [`${Math.round(100 * purity)} % of the sound is the tone of ${sent.frequency} Hz`]),
  ...(Math.abs(pictures - sent.pictures) <= sent.pictures / 2 ? [] : [`${sent.pictures} pictures a second were sent`]),
  ...(moving >= 0.5 ? [] : ["the picture stands still"]),
  ...(last === undefined || (last.width === sent.width && last.height === sent.height)
    ? []
    : [`pictures of ${sent.width}x${sent.height} were sent`])
]

export const describe = ({ last, level, pictures }: Impression): string => {
  const heard = level < -60 ? "nothing" : `${level.toFixed(1)} dBFS`
  return `hears ${heard} and sees ${
    last === undefined ? "nothing" : `${pictures.toFixed(0)} pictures a second of ${last.width}x${last.height}`
  }`
}
