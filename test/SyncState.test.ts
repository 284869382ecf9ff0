import { assert, describe, it } from "@effect/vitest"
import {
  SignalTarget,
  SyncState as SyncStateMessage,
  TrackInfo,
  TrackPublishedResponse,
  UpdateSubscription
} from "@livekit/protocol"
import { SyncState } from "effect-livekit"

type Options = Parameters<typeof SyncState.make>[0]

/** The sync state as the server reads it. */
const received = (options: Partial<Options>) =>
  SyncStateMessage.fromBinary(
    SyncState.make({ application: {}, offer: null, answer: null, channels: [], received: [], ...options }).toBinary()
  )

describe("SyncState", () => {
  it("carries the descriptions that exist and leaves out the others (S153)", () => {
    const both = received({ offer: { type: "offer", sdp: "o" }, answer: { type: "answer", sdp: "a" } })
    assert.deepInclude(both.offer, { type: "offer", sdp: "o" })
    assert.deepInclude(both.answer, { type: "answer", sdp: "a" })
    const neither = received({})
    assert.isUndefined(neither.offer)
    assert.isUndefined(neither.answer)
    assert.isUndefined(received({ offer: { type: "offer", sdp: "o" } }).answer)
  })

  it("names the channels that have an id, in order, with the peer connection they are on (S153)", () => {
    const { dataChannels } = received({
      channels: [
        { label: "_reliable", id: 0, target: "publisher" },
        { label: "_lossy", id: null, target: "publisher" },
        { label: "_reliable", id: 2, target: "subscriber" }
      ]
    })
    assert.deepStrictEqual(
      dataChannels.map(({ id, label, target }) => ({ id, label, target })),
      [
        { id: 0, label: "_reliable", target: SignalTarget.PUBLISHER },
        { id: 2, label: "_reliable", target: SignalTarget.SUBSCRIBER }
      ]
    )
  })

  it("tells the last sequence received from every sender (S153)", () => {
    const { datachannelReceiveStates } = received({
      received: [
        { participantSid: "PA_a", lastSequence: 7 },
        { participantSid: "PA_b", lastSequence: 4_294_967_295 }
      ]
    })
    assert.deepStrictEqual(
      datachannelReceiveStates.map(({ lastSeq, publisherSid }) => [publisherSid, lastSeq]),
      [
        ["PA_a", 7],
        ["PA_b", 4_294_967_295]
      ]
    )
  })

  it("carries the application's tracks and subscription, which the server checks (Q4)", () => {
    const state = received({
      application: {
        subscription: new UpdateSubscription({ trackSids: ["TR_1"], subscribe: false }),
        publishTracks: [new TrackPublishedResponse({ cid: "c1", track: new TrackInfo({ sid: "TR_2" }) })],
        trackSidsDisabled: ["TR_3"]
      }
    })
    assert.deepInclude(state.subscription, { trackSids: ["TR_1"], subscribe: false })
    assert.deepStrictEqual(
      state.publishTracks.map(({ cid, track }) => [cid, track?.sid]),
      [["c1", "TR_2"]]
    )
    assert.deepStrictEqual(state.trackSidsDisabled, ["TR_3"])
  })

  it("asks for no change of subscriptions when the application has nothing to say", () => {
    assert.isUndefined(received({}).subscription)
    assert.deepStrictEqual(received({}).publishTracks, [])
  })
})
