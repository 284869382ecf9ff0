import {
  ParticipantInfo,
  ParticipantInfo_State,
  TrackInfo,
  TrackPermission,
  TrackSource,
  TrackType,
  UpdateSubscription,
  UpdateTrackSettings,
  VideoQuality
} from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Ref } from "effect"
import { type SignalRequest, SyncState, TrackPublication, VideoEncoding } from "effect-livekit"
import * as FastCheck from "fast-check"
import type { Session } from "../src/internal/Session.ts"
import * as Subscriptions from "../src/internal/Subscriptions.ts"
import * as TrackOperations from "../src/internal/TrackOperations.ts"

const make = Effect.gen(function* () {
  const sent: Array<SignalRequest.SignalRequest> = []
  const subscriptions = Subscriptions.make()
  const operations = TrackOperations.make({
    session: yield* Ref.make(Option.none<Session>()),
    publications: {
      publish: () => Effect.never,
      withRetry: () => Effect.never,
      republish: Effect.void,
      clear: () => {},
      muted: () => Effect.void,
      unpublished: () => Effect.void,
      repeatMuted: Effect.void
    },
    subscriptions,
    sendRequest: (request) => Effect.sync(() => void sent.push(request))
  })
  return { sent, subscriptions, operations }
})

describe("requests about tracks", () => {
  it.effect("ask for dimensions if given, else for a quality, else for the best (SC28)", () =>
    Effect.gen(function* () {
      const { operations, sent } = yield* make
      yield* operations.updateTrackSettings(["TR_1"], {
        dimensions: { width: 640, height: 360 },
        quality: VideoQuality.LOW
      })
      yield* operations.updateTrackSettings(["TR_1"], { quality: VideoQuality.LOW, fps: 15 })
      yield* operations.updateTrackSettings(["TR_1", "TR_2"], { disabled: true })
      assert.deepStrictEqual(
        sent.map((request) => request.case === "trackSetting" && request.value.toJson()),
        [
          // Low is the default of protobuf, and not written.
          { trackSids: ["TR_1"], width: 640, height: 360 },
          { trackSids: ["TR_1"], fps: 15 },
          { trackSids: ["TR_1", "TR_2"], disabled: true, quality: "HIGH" }
        ]
      )
    })
  )

  it.effect("name tracks by participant and all together (SC29)", () =>
    Effect.gen(function* () {
      const { operations, sent } = yield* make
      yield* operations.updateSubscription(
        [{ participantSid: "PA_1", sids: ["TR_1", "TR_2"] }, { sids: ["TR_3"] }],
        true
      )
      assert.deepStrictEqual(
        sent.map((request) => request.case === "subscription" && request.value.toJson()),
        [
          {
            subscribe: true,
            trackSids: ["TR_1", "TR_2", "TR_3"],
            participantTracks: [{ participantSid: "PA_1", trackSids: ["TR_1", "TR_2"] }]
          }
        ]
      )
    })
  )

  it.effect("are passed on as they are: mute, audio features, permissions (S62)", () =>
    Effect.gen(function* () {
      const { operations, sent } = yield* make
      yield* operations.updateMuteStatus("TR_1", true)
      yield* operations.updateLocalAudioTrack("TR_1", [1])
      yield* operations.updateSubscriptionPermissions(false, [new TrackPermission({ participantSid: "PA_1" })])
      assert.deepStrictEqual(
        sent.map(({ value }) => (typeof value === "bigint" ? value : value.toJson())),
        [
          { sid: "TR_1", muted: true },
          { trackSid: "TR_1", features: ["TF_NO_DTX"] },
          { trackPermissions: [{ participantSid: "PA_1" }] }
        ]
      )
    })
  )
})

describe("what was chosen to be received", () => {
  it("is told as the exceptions to what is subscribed by itself (RM1)", () => {
    const subscriptions = Subscriptions.make()
    subscriptions.choose(["TR_1", "TR_2"], true)
    subscriptions.choose(["TR_2", "TR_3"], false)
    const told = (auto: boolean) => {
      const { subscribe, trackSids } = subscriptions.exceptions(auto)
      return { subscribe, trackSids }
    }
    assert.deepStrictEqual(told(true), { subscribe: false, trackSids: ["TR_2", "TR_3"] })
    assert.deepStrictEqual(told(false), { subscribe: true, trackSids: ["TR_1"] })
  })

  it.effect("is told again: the settings always, the subscriptions to a session that is new (RM3)", () =>
    Effect.gen(function* () {
      const { operations, subscriptions } = yield* make
      yield* operations.updateSubscription([{ sids: ["TR_1"] }], false)
      yield* operations.updateTrackSettings(["TR_2", "TR_3"], { disabled: true })
      const cases = (isFullReconnect: boolean) =>
        subscriptions.repeat({ isFullReconnect, autoSubscribe: true }).map((request) => request.case)
      assert.deepStrictEqual(cases(false), ["trackSetting", "trackSetting"])
      assert.deepStrictEqual(cases(true), ["subscription", "trackSetting", "trackSetting"])
      assert.deepStrictEqual(subscriptions.disabled(), ["TR_2", "TR_3"])
    })
  )

  it("goes with those who leave", () => {
    const subscriptions = Subscriptions.make()
    subscriptions.choose(["TR_1", "TR_2"], false)
    const state = ParticipantInfo_State.DISCONNECTED
    subscriptions.learn([new ParticipantInfo({ state, tracks: [new TrackInfo({ sid: "TR_1" })] })])
    assert.deepStrictEqual(subscriptions.exceptions(true).trackSids, ["TR_2"])
  })

  it("goes with tracks that are published no longer, and stays with those that were never heard of", () => {
    const subscriptions = Subscriptions.make()
    subscriptions.choose(["TR_1", "TR_2", "TR_3"], false)
    subscriptions.set(new UpdateTrackSettings({ trackSids: ["TR_1", "TR_2"], disabled: true }))
    const publishing = (...sids: ReadonlyArray<string>) =>
      subscriptions.learn([new ParticipantInfo({ sid: "PA_1", tracks: sids.map((sid) => new TrackInfo({ sid })) })])
    publishing("TR_1", "TR_2")
    publishing("TR_2")
    assert.deepStrictEqual(subscriptions.exceptions(true).trackSids, ["TR_2", "TR_3"])
    assert.deepStrictEqual(subscriptions.disabled(), ["TR_2"])
    const state = ParticipantInfo_State.DISCONNECTED
    subscriptions.learn([new ParticipantInfo({ sid: "PA_1", state })])
    assert.deepStrictEqual(subscriptions.exceptions(true).trackSids, ["TR_3"])
    assert.deepStrictEqual(subscriptions.disabled(), [])
  })

  it("gives way to what the application says itself (S153)", () => {
    const engine = {
      subscription: new UpdateSubscription({ trackSids: ["TR_1"] }),
      publishTracks: [],
      trackSidsDisabled: ["TR_2"]
    }
    const own = { subscription: new UpdateSubscription({ trackSids: ["TR_9"] }), trackSidsDisabled: ["TR_2", "TR_3"] }
    const merged = SyncState.merge(own, engine)
    assert.deepStrictEqual(merged.subscription?.trackSids, ["TR_9"])
    assert.deepStrictEqual(merged.trackSidsDisabled, ["TR_2", "TR_3"])
    assert.strictEqual(SyncState.merge({}, engine).subscription, engine.subscription)
  })
})

describe("a request to publish", () => {
  const camera = { id: "cam", kind: "video" }

  it("describes the track, its layers and what it is for (SC27)", () => {
    const request = TrackPublication.addTrackRequest(
      camera,
      {
        name: "face",
        source: TrackSource.CAMERA,
        codec: "vp8",
        stream: "desk",
        video: { width: 1280, height: 720, simulcast: true }
      },
      true
    )
    assert.deepInclude(request, {
      cid: "cam",
      name: "face",
      type: TrackType.VIDEO,
      width: 1280,
      height: 720,
      muted: true,
      stream: "desk"
    })
    assert.deepStrictEqual(
      request.layers.map(({ height, quality, width }) => [quality, width, height]),
      [
        [VideoQuality.LOW, 320, 180],
        [VideoQuality.MEDIUM, 640, 360],
        [VideoQuality.HIGH, 1280, 720]
      ]
    )
    assert.deepStrictEqual(
      request.simulcastCodecs.map(({ cid, codec }) => [cid, codec]),
      [["cam", "vp8"]]
    )
  })

  it("says what audio does without, and in how many channels", () => {
    const microphone = { id: "mic", kind: "audio" }
    const plain = TrackPublication.addTrackRequest(microphone, {}, false)
    assert.deepInclude(plain, {
      type: TrackType.AUDIO,
      source: TrackSource.MICROPHONE,
      stereo: false,
      disableDtx: false
    })
    const music = TrackPublication.addTrackRequest(
      microphone,
      { audio: { stereo: true, dtx: false, red: false } },
      false
    )
    assert.deepInclude(music, { stereo: true, disableDtx: true, disableRed: true })
  })

  it("has encodings from the smallest to the largest, each half as large, within the bitrate", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.integer({ min: 16, max: 4_096 }),
        FastCheck.integer({ min: 16, max: 4_096 }),
        FastCheck.integer({ min: 100_000, max: 10_000_000 }),
        FastCheck.boolean(),
        (width, height, maxBitrate, simulcast) => {
          const encodings = VideoEncoding.encodings({ width, height, maxBitrate, simulcast })
          assert.isAtLeast(encodings.length, 1)
          assert.isAtMost(encodings.length, simulcast ? 3 : 1)
          assert.strictEqual(encodings.at(-1)?.maxBitrate, maxBitrate)
          assert.strictEqual(encodings.at(-1)?.scaleResolutionDownBy ?? 1, 1)
          for (const [index, encoding] of encodings.entries()) {
            const next = encodings[index + 1]
            if (next === undefined) continue
            assert.strictEqual(encoding.scaleResolutionDownBy, 2 * (next.scaleResolutionDownBy ?? 1))
            assert.isBelow(encoding.maxBitrate ?? 0, next.maxBitrate ?? 0)
          }
          assert.strictEqual(
            encodings.every(({ rid }) => rid === undefined),
            encodings.length === 1
          )
        }
      )
    )
  })

  it("sends the largest encoding alone where the runtime has no simulcast", () => {
    const options = { video: { width: 1280, height: 720, simulcast: true } }
    assert.strictEqual(TrackPublication.transceiverInit(options, true).encodings?.length, 3)
    const [only, ...others] = TrackPublication.transceiverInit(options, false).encodings ?? []
    assert.deepStrictEqual(others, [])
    assert.isUndefined(only?.rid)
    assert.strictEqual(only?.scaleResolutionDownBy, 1)
  })
})
