import { TrackInfo, UpdateTrackSettings, VideoLayer, VideoQuality } from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { Sdp } from "effect-livekit"
import { takeLargest } from "../src/room/largestEncoding.ts"
import * as Layers from "../src/room/Layers.ts"

const { HIGH, LOW, MEDIUM } = VideoQuality
const layer = (quality: VideoQuality, width: number, height: number) => new VideoLayer({ quality, width, height })
const camera = new TrackInfo({
  width: 1280,
  height: 720,
  layers: [layer(LOW, 320, 180), layer(MEDIUM, 640, 360), layer(HIGH, 1280, 720)]
})
const sized = (width: number, height: number) => new UpdateTrackSettings({ width, height })
const all = ["q", "h", "f"].map((rid) => ({ rid, track: rid }))

describe("the quality that a subscriber wants", () => {
  it("is the highest until it says something, then what it says, and by its size the least that is large enough", () => {
    assert.strictEqual(Layers.wanted(camera, undefined), HIGH)
    assert.strictEqual(Layers.wanted(camera, new UpdateTrackSettings({ quality: MEDIUM })), MEDIUM)
    for (const [height, quality] of [
      [90, LOW],
      [200, LOW],
      [201, MEDIUM],
      [360, MEDIUM],
      [401, HIGH],
      [2160, HIGH]
    ] as const) {
      assert.strictEqual(Layers.wanted(camera, sized(16, height)), quality, `${height} lines`)
    }
  })

  it("is that of a layer which the publisher has", () => {
    const two = new TrackInfo({ width: 640, height: 360, layers: [layer(HIGH, 640, 360), layer(LOW, 320, 180)] })
    assert.strictEqual(Layers.wanted(two, sized(320, 180)), LOW)
    assert.strictEqual(Layers.wanted(two, sized(640, 360)), HIGH)
  })

  it("is found by usual sizes where the publisher has told none, upright too", () => {
    const { height, width } = camera
    assert.strictEqual(Layers.wanted(new TrackInfo({ width, height }), sized(320, 180)), LOW)
    assert.strictEqual(Layers.wanted(new TrackInfo({ width: height, height: width }), sized(180, 320)), LOW)
    assert.strictEqual(Layers.wanted(new TrackInfo(), sized(320, 180)), HIGH)
  })
})

describe("the encoding that a subscriber receives", () => {
  it("is the best that is not better than wanted, and else the least", () => {
    assert.strictEqual(Layers.choose(all, MEDIUM)?.track, "h")
    assert.strictEqual(Layers.choose(all.slice(0, 1), HIGH)?.track, "q")
    assert.strictEqual(Layers.choose(all.slice(1).toReversed(), LOW)?.track, "h")
    assert.isUndefined(Layers.choose([], HIGH))
  })

  it("is always one of those that there are", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.subarray(all, { minLength: 1 }),
        FastCheck.constantFrom(LOW, MEDIUM, HIGH),
        (some, wanted) => {
          const chosen = Layers.choose(some, wanted)
          assert.include(some, chosen)
          const better = some.filter(({ rid }) => Layers.qualityOf(rid) > Layers.qualityOf(chosen?.rid ?? ""))
          assert.isTrue(better.every(({ rid }) => Layers.qualityOf(rid) > wanted))
        }
      )
    )
  })
})

describe("what a publisher is told of that", () => {
  const enabled = (highest: VideoQuality | undefined) =>
    Layers.subscribed(highest).flatMap(({ enabled, quality }) => (enabled ? [quality] : []))

  it("is all up to the highest quality that somebody wants, and nothing when nobody does", () => {
    assert.deepStrictEqual(enabled(HIGH), [LOW, MEDIUM, HIGH])
    assert.deepStrictEqual(enabled(LOW), [LOW])
    assert.deepStrictEqual(enabled(undefined), [])
  })
})

describe("an answer of a runtime that takes one encoding", () => {
  const section = (...lines: ReadonlyArray<string>) =>
    ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", ...lines, ""].join(
      "\r\n"
    )
  const offer = section("a=sendonly", "a=rid:q send", "a=rid:f send", "a=simulcast:send q;f")

  it("takes the largest, and leaves alone what takes some already", () => {
    const answer = takeLargest(offer, section("a=recvonly"))
    assert.include(answer, "a=rid:f recv")
    assert.include(answer, "a=simulcast:recv f")
    assert.strictEqual(Sdp.sections(answer)[0]?.direction, "recvonly")
    const taken = section("a=recvonly", "a=rid:q recv", "a=simulcast:recv q")
    assert.notInclude(takeLargest(offer, taken), "f recv")
    const numbered = section("a=sendonly", "a=rid:1 send", "a=rid:2 send", "a=simulcast:send 1;2")
    assert.include(takeLargest(numbered, section("a=recvonly")), "a=simulcast:recv 2")
    assert.include(takeLargest(section("a=sendonly", "a=simulcast:send 1"), section("a=recvonly")), "recv 1")
    const plain = section("a=recvonly")
    assert.strictEqual(takeLargest(section("a=sendonly"), plain), plain)
  })
})
