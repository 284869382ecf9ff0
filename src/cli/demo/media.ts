/**
 * One participant sends a tone and a moving picture, the other one hears and sees them: through a cut of the signal connection,
 * a cut of the media path, and a full reconnect. A received picture is written as PNG.
 */
import { SimulateScenario } from "@livekit/protocol"
import { Clock, Effect, Fiber, FiberMap, Layer, Option, PubSub, Ref, Stream } from "effect"
import { type RTCEngine, WebSocketConstructor } from "../../index.ts"
import { WrtcMedia, WrtcPeerConnection } from "../../wrtc/index.ts"
import { writeFileSync } from "node:fs"
import { PNG } from "pngjs"
import * as Impression from "./Impression.ts"
import * as Path from "./path.ts"
import { awaitEvent, cuttable, line, makeEngine, step, target } from "./stage.ts"
import { bars, sent, tone } from "./synthetic.ts"

const file = "demo-media.png"
const { height, width } = sent

/** Seconds of one look. */
const look = 1

/** Media comes at once, and a busy machine is given time. */
const patience = "30 seconds"

/** What a participant hears and sees on all tracks, whenever they come. */
const perceive = Effect.fnUntraced(function* (engine: RTCEngine.Engine) {
  const events = yield* engine.subscribeEvents
  const pieces = yield* PubSub.sliding<Impression.Piece>(1_024)
  // A section of the peer connection may carry one track after the other, and is listened to for each of them only.
  const tracks = yield* FiberMap.make<string>()
  yield* Stream.fromSubscription(events).pipe(
    Stream.runForEach((event) => {
      if (event._tag === "TrackUnsubscribed") return FiberMap.remove(tracks, event.track.sid)
      if (event._tag !== "TrackSubscribed") return Effect.void
      const { sid, track } = event.track
      const heard = Stream.map(WrtcMedia.samples(track), (audio) => ({ _tag: "Audio" as const, ...audio }))
      const seen = Stream.map(WrtcMedia.pictures(track), (picture) => ({ _tag: "Picture" as const, ...picture }))
      return FiberMap.run(tracks, sid, Stream.runIntoPubSub(track.kind === "audio" ? heard : seen, pieces))
    }),
    Effect.forkScoped
  )
  const impressions = Stream.fromPubSub(pieces).pipe(
    Stream.groupedWithin(Infinity, `${look} seconds`),
    Stream.map((all) => Impression.of(all, look, sent.frequency))
  )
  /** Looks until an impression is as wanted, and fails with what the last one lacks. */
  const until = Effect.fnUntraced(function* (lacks: (impression: Impression.Impression) => ReadonlyArray<string>) {
    const problem = yield* Ref.make("nothing comes in")
    return yield* impressions.pipe(
      Stream.tap((impression) =>
        Ref.set(problem, `bob ${Impression.describe(impression)}; ${lacks(impression).join(", ")}`)
      ),
      Stream.filter((impression) => lacks(impression).length === 0),
      Stream.runHead,
      Effect.map(Option.getOrThrow),
      Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.flatMap(Ref.get(problem), Effect.die) })
    )
  })
  return {
    asSent: until((impression) => Impression.complaints(impression, sent)),
    dark: until(({ pictures }) => (pictures === 0 ? [] : ["pictures still come"])),
    /** From now on. */
    nextPicture: Stream.fromPubSub(pieces).pipe(
      Stream.filter(({ _tag }) => _tag === "Picture"),
      Stream.runHead
    )
  }
})

const program = Effect.gen(function* () {
  const server = yield* target
  const sockets = cuttable()
  const path = Path.make()
  yield* line()
  yield* line(`effect-livekit demo: audio and video on ${server.name}`)
  yield* line()

  const alice = yield* makeEngine(sockets.layer, Layer.provide(path.layer, WrtcPeerConnection.layer))
  const bob = yield* makeEngine(
    WebSocketConstructor.layer((url) => new WebSocket(url)),
    WrtcPeerConnection.layer
  )
  const events = yield* alice.subscribeEvents
  const atBob = yield* perceive(bob)
  const now = Clock.currentTimeMillis
  for (const [identity, engine] of [
    ["alice", alice],
    ["bob", bob]
  ] as const) {
    const token = yield* server.token(identity)
    yield* engine.connect({ url: server.url, token })
  }
  yield* step("joined     alice and bob are connected")
  const audio = yield* alice.publishTrack(yield* tone, { name: "tone" })
  const video = yield* alice.publishTrack(yield* bars, { name: "bars", video: { width, height } })
  const sids = Effect.map(Effect.all([audio.current, video.current]), (all) =>
    all.map(({ info }) => info.sid).join(" ")
  )
  yield* step(`published  a tone of 440 Hz and bars of ${width}x${height}: ${yield* sids}`)

  const observe = (name: string) =>
    Effect.tap(atBob.asSent, (impression) => step(`${name} bob ${Impression.describe(impression)}`))

  yield* observe("received  ")

  const signalCutAt = yield* now
  yield* sockets.cut
  yield* step("cut        alice's signal connection is closed under her; media keeps flowing")
  yield* awaitEvent(events, "Resumed")
  yield* step(`resumed    after ${(yield* now) - signalCutAt} ms, with the same tracks: ${yield* sids}`)
  yield* observe("received  ")

  yield* path.cut
  const dark = yield* atBob.dark
  yield* step(`cut        alice's media path is gone for good; bob ${Impression.describe(dark)}`)
  const pathCutAt = yield* now
  const back = yield* Effect.forkScoped(Effect.andThen(atBob.nextPicture, now), { startImmediately: true })
  yield* alice.reconnectNow
  yield* awaitEvent(events, "Resumed")
  yield* step(
    `restarted  ICE found a new path, the next picture came after ${(yield* Fiber.join(back)) - pathCutAt} ms`
  )
  yield* observe("received  ")

  const overAt = yield* now
  yield* alice.sendRequest({
    case: "simulate",
    value: new SimulateScenario({ scenario: { case: "nodeFailure", value: true } })
  })
  yield* step("cut        alice's session is gone at the server")
  yield* awaitEvent(events, "LocalTrackRepublished")
  yield* awaitEvent(events, "LocalTrackRepublished")
  yield* step(`rejoined   and published again after ${(yield* now) - overAt} ms: ${yield* sids}`)
  const { last } = yield* observe("received  ")
  if (last !== undefined) {
    const png = new PNG({ width: last.width, height: last.height })
    png.data = Buffer.from(WrtcMedia.toRgba(last))
    yield* Effect.sync(() => writeFileSync(file, PNG.sync.write(png)))
    yield* step(`written    the last picture: ${file}`)
  }
  yield* line()
  yield* alice.disconnect
  yield* bob.disconnect
  yield* line("  Audio and video came through every cut, and both have left the room.")
  yield* line()
})

export const media = program.pipe(
  Effect.scoped,
  Effect.provide(WrtcPeerConnection.layer),
  Effect.timeoutOrElse({
    duration: 120_000,
    orElse: () => Effect.die("it was not done after 2 minutes; check that UDP gets through to the server")
  })
)
