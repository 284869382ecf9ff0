/**
 * A tone and a moving picture, made as they are sent.
 */
import { Effect, Schedule } from "effect"
import { WrtcMedia } from "../../wrtc/index.ts"
import type { Sent } from "./Impression.ts"

const sampleRate = 48_000
const amplitude = 8_231

/** 440 Hz with its tops 12 dB below the full level, and bars 25 times a second. */
export const sent: Sent = {
  frequency: 440,
  level: 10 * Math.log10((amplitude / 32_768) ** 2 / 2),
  width: 640,
  height: 360,
  pictures: 25
}

export const tone = Effect.gen(function* () {
  const source = yield* WrtcMedia.audioSource
  const self = { at: 0 }
  const write = Effect.sync(() => {
    const samples = Int16Array.from({ length: sampleRate / 100 }, () =>
      Math.round(amplitude * Math.sin((self.at++ * 2 * Math.PI * sent.frequency) / sampleRate))
    )
    source.write({ samples, sampleRate })
  })
  yield* Effect.forkScoped(Effect.schedule(write, Schedule.fixed(10)))
  return source.track
})

/** Bars of colour that wander to the left. */
export const bars = Effect.gen(function* () {
  const { height, pictures, width } = sent
  const source = yield* WrtcMedia.videoSource()
  const self = { at: 0 }
  const chroma = [width / 2, height / 2] as const
  const write = Effect.sync(() => {
    const at = (self.at += 2)
    const data = new Uint8Array((width * height * 3) / 2)
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++)
        data[row * width + column] = 60 + (((column + 2 * at) >> 6) % 4) * 45
    }
    const [across, down] = chroma
    for (let row = 0; row < down; row++) {
      for (let column = 0; column < across; column++) {
        const bar = ((column + at) >> 5) % 4
        const index = width * height + row * across + column
        data[index] = 64 + bar * 42
        data[index + across * down] = 190 - bar * 42
      }
    }
    source.write({ width, height, data })
  })
  yield* Effect.forkScoped(Effect.schedule(write, Schedule.fixed(1_000 / pictures)))
  return source.track
})
