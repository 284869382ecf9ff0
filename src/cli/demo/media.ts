/**
 * One participant sends a tone and a moving picture, the other one hears and sees them: through a cut of the signal connection,
 * a cut of the media path, and a full reconnect. A received picture is written as PNG.
 */
import { SimulateScenario } from "@livekit/protocol"
import { Clock, Effect, FiberMap, Layer, Schedule, Stream } from "effect"
import { RTCEngine, WebSocketConstructor } from "../../index.ts"
import { NodeRTCEngine } from "../../node/index.ts"
import { WrtcMedia, WrtcPeerConnection } from "../../wrtc/index.ts"
import { writeFileSync } from "node:fs"
import { PNG } from "pngjs"
import * as Path from "./path.ts"
import { awaitEvent, cuttable, line, step, target } from "./stage.ts"

const width = 640
const height = 360
const sampleRate = 48_000
const file = "demo-media.png"

/** 440 Hz, 12 dB below the full level. */
const sendTone = Effect.gen(function* () {
  const source = yield* WrtcMedia.audioSource
  const self = { at: 0 }
  const write = Effect.sync(() => {
    const samples = Int16Array.from({ length: sampleRate / 100 }, () =>
      Math.round(8_231 * Math.sin((self.at++ * 2 * Math.PI * 440) / sampleRate))
    )
    source.write({ samples, sampleRate })
  })
  yield* Effect.forkScoped(Effect.schedule(write, Schedule.fixed(10)))
  return source.track
})

/** Bars of colour that wander to the left, 25 times a second. */
const sendPicture = Effect.gen(function* () {
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
  yield* Effect.forkScoped(Effect.schedule(write, Schedule.fixed(40)))
  return source.track
})

interface Received {
  samples: number
  squares: number
  pictures: number
  last: WrtcMedia.VideoPicture | undefined
}

/** Counts what comes on all tracks, whenever they come. */
const receive = Effect.fnUntraced(function* (engine: RTCEngine.Engine) {
  const got: Received = { samples: 0, squares: 0, pictures: 0, last: undefined }
  const hear = ({ samples }: WrtcMedia.AudioSamples) =>
    Effect.sync(() => {
      got.samples += samples.length
      for (const sample of samples) got.squares += sample * sample
    })
  const see = (picture: WrtcMedia.VideoPicture) =>
    Effect.sync(() => {
      got.pictures++
      got.last = picture
    })
  const events = yield* engine.subscribeEvents
  // A section of the peer connection may carry one track after the other, and is listened to for each of them only.
  const tracks = yield* FiberMap.make<string>()
  yield* Stream.fromSubscription(events).pipe(
    Stream.runForEach((event) => {
      if (event._tag === "TrackUnsubscribed") return FiberMap.remove(tracks, event.track.sid)
      if (event._tag !== "TrackSubscribed") return Effect.void
      const { sid, track } = event.track
      return FiberMap.run(
        tracks,
        sid,
        track.kind === "audio"
          ? Stream.runForEach(WrtcMedia.samples(track), hear)
          : Stream.runForEach(WrtcMedia.pictures(track), see)
      )
    }),
    Effect.forkScoped
  )
  return got
})

const program = Effect.gen(function* () {
  const server = yield* target
  const sockets = cuttable()
  const path = Path.make()
  const makeEngine = (
    platform: Layer.Layer<WebSocketConstructor.WebSocketConstructor>,
    runtime: typeof WrtcPeerConnection.layer
  ) =>
    Effect.gen(function* () {
      const services = yield* Layer.build(
        NodeRTCEngine.layerServicesWithoutDependencies.pipe(
          Layer.provide(runtime),
          Layer.provide(platform),
          Layer.provide(NodeRTCEngine.layerPlatform)
        )
      )
      return yield* RTCEngine.make.pipe(Effect.provideContext(services))
    })
  yield* line()
  yield* line(`effect-livekit demo: audio and video on ${server.name}`)
  yield* line()

  const alice = yield* makeEngine(sockets.layer, Layer.provide(path.layer, WrtcPeerConnection.layer))
  const bob = yield* makeEngine(
    WebSocketConstructor.layer((url) => new WebSocket(url)),
    WrtcPeerConnection.layer
  )
  const events = yield* alice.subscribeEvents
  const atBob = yield* receive(bob)
  const now = Clock.currentTimeMillis
  for (const [identity, engine] of [
    ["alice", alice],
    ["bob", bob]
  ] as const) {
    const token = yield* server.token(identity)
    yield* engine.connect({ url: server.url, token })
  }
  yield* step("joined     alice and bob are connected")
  const audio = yield* alice.publishTrack(yield* sendTone, { name: "tone" })
  const video = yield* alice.publishTrack(yield* sendPicture, { name: "bars", video: { width, height } })
  const sids = Effect.map(Effect.all([audio.current, video.current]), (all) =>
    all.map(({ info }) => info.sid).join(" ")
  )
  yield* step(`published  a tone of 440 Hz and bars of ${width}x${height}: ${yield* sids}`)

  /** Waits for both to come in, and fails if they do not; then looks for a second and a half. */
  const observe = Effect.fnUntraced(function* (name: string, since?: number) {
    yield* arrives(atBob)
    const after = since === undefined ? "" : ` again ${(yield* now) - since} ms later;`
    const [pictures, samples, squares] = [atBob.pictures, atBob.samples, atBob.squares]
    yield* Effect.sleep(1_500)
    const heard = atBob.samples - samples
    const level = 10 * Math.log10((atBob.squares - squares) / heard / 32_768 ** 2)
    const size = `${atBob.last?.width}x${atBob.last?.height}`
    const seen = atBob.pictures - pictures
    yield* step(
      `${name}${after} bob hears ${level.toFixed(1)} dBFS and sees ${(seen / 1.5).toFixed(0)} pictures a second of ${size}`
    )
  })

  yield* observe("received  ")

  const signalCutAt = yield* now
  yield* sockets.cut
  yield* step("cut        alice's signal connection is closed under her; media keeps flowing")
  yield* awaitEvent(events, "Resumed")
  yield* step(`resumed    after ${(yield* now) - signalCutAt} ms, with the same tracks: ${yield* sids}`)
  yield* observe("received  ")

  yield* path.cut
  yield* Effect.sleep(500)
  const before = atBob.pictures
  yield* Effect.sleep(500)
  yield* step(`cut        alice's media path is gone for good: ${atBob.pictures - before} pictures in half a second`)
  const pathCutAt = yield* now
  yield* alice.reconnectNow
  yield* awaitEvent(events, "Resumed")
  yield* observe("restarted  ICE found a new path,", pathCutAt)

  const overAt = yield* now
  yield* alice.sendRequest({
    case: "simulate",
    value: new SimulateScenario({ scenario: { case: "nodeFailure", value: true } })
  })
  yield* step("cut        alice's session is gone at the server")
  yield* awaitEvent(events, "LocalTrackRepublished")
  yield* awaitEvent(events, "LocalTrackRepublished")
  yield* step(`rejoined   and published again after ${(yield* now) - overAt} ms: ${yield* sids}`)
  yield* observe("received  ")

  const picture = atBob.last
  if (picture !== undefined) {
    const png = new PNG({ width: picture.width, height: picture.height })
    png.data = Buffer.from(WrtcMedia.toRgba(picture))
    yield* Effect.sync(() => writeFileSync(file, PNG.sync.write(png)))
    yield* step(`written    the last picture: ${file}`)
  }
  yield* line()
  yield* alice.disconnect
  yield* bob.disconnect
  yield* line("  Audio and video came through every cut, and both have left the room.")
  yield* line()
})

/** Waits until more has come of both, and it is a tone: silence fills the gaps. */
const arrives = (got: Received) =>
  Effect.gen(function* () {
    const { pictures, squares } = got
    const hasBoth = Effect.sync(() => got.pictures > pictures + 3 && got.squares > squares + 1e11)
    yield* Effect.repeat(Effect.andThen(Effect.sleep(20), hasBoth), { until: (isThere) => isThere })
  }).pipe(Effect.timeout(30_000))

export const media = program.pipe(
  Effect.scoped,
  Effect.provide(WrtcPeerConnection.layer),
  Effect.timeoutOrElse({
    duration: 120_000,
    orElse: () => Effect.die("it was not done after 2 minutes; check that UDP gets through to the server")
  })
)
