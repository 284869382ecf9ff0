/**
 * A LiveKit client of any make that sends a tone and a picture, and says which it hears and sees.
 */
export interface MediaClient {
  readonly connect: (url: string, token: string) => Promise<void>
  /** Publishes a tone and a moving picture, until the process ends. */
  readonly publish: () => Promise<void>
}

export type MediaKind = "audio" | "video"

export interface MediaHandlers {
  /** Called whenever enough of a track has come in to be sure: loud samples, or pictures. */
  readonly onMedia: (kind: MediaKind) => void
  /** The client says that it is connected again. */
  readonly onReconnected: () => void
}

export type MakeMediaClient = (handlers: MediaHandlers) => Promise<MediaClient>

/** What is published. */
export const sampleRate = 48_000
export const size = { width: 320, height: 240 } as const

/** 10 ms of 440 Hz, the n-th. */
export const toneAt = (index: number): Int16Array =>
  Int16Array.from({ length: sampleRate / 100 }, (_, at) =>
    Math.round(8_192 * Math.sin(((index * (sampleRate / 100) + at) * 2 * Math.PI * 440) / sampleRate))
  )

/** I420 of one grey, which changes. */
export const pictureAt = (index: number): Uint8Array =>
  new Uint8Array((size.width * size.height * 3) / 2).fill(64 + ((index * 4) % 128))

export const isLoud = (samples: Int16Array): boolean => samples.some((sample) => Math.abs(sample) > 2_000)

/** Calls `done` each time that as many have been counted. */
export const every = (count: number, done: () => void) => {
  const self = { counted: 0 }
  return () => {
    if (++self.counted % count === 0) done()
  }
}
