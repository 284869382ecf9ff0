import { ParticipantInfo, ParticipantInfo_State, TrackInfo } from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type EngineEvent, type PeerConnectionTransport, RemoteTrack } from "effect-livekit"
import * as RemoteTracks from "../src/internal/RemoteTracks.ts"

const media = (ids: Partial<PeerConnectionTransport.RemoteMedia>): PeerConnectionTransport.RemoteMedia => {
  const track = { id: "local", kind: "audio", enabled: true }
  return {
    track,
    receiver: { track, stats: Effect.succeed([]) },
    mid: "0",
    streamId: undefined,
    trackId: undefined,
    ...ids
  }
}

const alice = new ParticipantInfo({
  sid: "PA_1",
  identity: "alice",
  state: ParticipantInfo_State.ACTIVE,
  tracks: [new TrackInfo({ sid: "TR_1", name: "mic" })]
})

const make = () => {
  const events: Array<EngineEvent.EngineEvent> = []
  const tracks = RemoteTracks.make((event) => void events.push(event))
  const said = () =>
    events
      .splice(0)
      .map((event) =>
        event._tag === "TrackSubscribed" || event._tag === "TrackUnsubscribed"
          ? [event._tag, event.track.sid, event.track.participant.identity, event.track.info?.name]
          : [event._tag]
      )
  return { tracks, said }
}

describe("a remote track", () => {
  it("that comes before its participant waits for it", () => {
    const { said, tracks } = make()
    tracks.add("subscriber", media({ streamId: "PA_1", trackId: "TR_1" }))
    assert.deepStrictEqual(said(), [])
    assert.deepStrictEqual(tracks.current(), [])
    tracks.learn([new ParticipantInfo({ sid: "PA_2", identity: "bob" })])
    assert.deepStrictEqual(said(), [])
    tracks.learn([alice])
    tracks.learn([alice])
    assert.deepStrictEqual(said(), [["TrackSubscribed", "TR_1", "alice", "mic"]], "once")
  })

  it("that nobody names goes by the id that the runtime gave it", () => {
    const { said, tracks } = make()
    tracks.learn([alice])
    tracks.add("subscriber", media({ streamId: "PA_1" }))
    assert.deepStrictEqual(said(), [["TrackSubscribed", "local", "alice", undefined]])
  })

  it("that ends before its participant is known was never there", () => {
    const { said, tracks } = make()
    tracks.add("subscriber", media({ streamId: "PA_1", trackId: "TR_1" }))
    tracks.ended("subscriber", "0")
    tracks.learn([alice])
    assert.deepStrictEqual(said(), [])
  })

  it("ends with its section, with the next track in it, and with the session", () => {
    const { said, tracks } = make()
    tracks.learn([alice])
    tracks.add("publisher", media({ streamId: "PA_1", trackId: "TR_1" }))
    tracks.ended("subscriber", "0")
    tracks.ended("publisher", "7")
    assert.deepStrictEqual(said().length, 1, "a section of the same name elsewhere is another one")
    tracks.ended("publisher", "0")
    tracks.ended("publisher", "0")
    assert.deepStrictEqual(said(), [["TrackUnsubscribed", "TR_1", "alice", "mic"]])
    tracks.add("publisher", media({ streamId: "PA_1", trackId: "TR_1" }))
    tracks.add("publisher", media({ streamId: "PA_1", trackId: "TR_2" }))
    tracks.clear()
    assert.deepStrictEqual(
      said().map(([tag, sid]) => [tag, sid]),
      [
        ["TrackSubscribed", "TR_1"],
        ["TrackUnsubscribed", "TR_1"],
        ["TrackSubscribed", "TR_2"],
        ["TrackUnsubscribed", "TR_2"]
      ]
    )
  })

  it("ends with its participant, whatever becomes of its section", () => {
    const { said, tracks } = make()
    tracks.learn([alice])
    tracks.add("subscriber", media({ streamId: "PA_1", trackId: "TR_1" }))
    tracks.add("subscriber", media({ streamId: "PA_2", trackId: "TR_2", mid: "1" }))
    said()
    const gone = alice.clone()
    gone.state = ParticipantInfo_State.DISCONNECTED
    tracks.learn([gone])
    tracks.ended("subscriber", "0")
    assert.deepStrictEqual(said(), [["TrackUnsubscribed", "TR_1", "alice", "mic"]])
    tracks.learn([new ParticipantInfo({ sid: "PA_2", identity: "bob" })])
    assert.deepStrictEqual(said().length, 1, "that of another one has nothing to do with it")
    tracks.add("subscriber", media({ streamId: "PA_1", trackId: "TR_3" }))
    assert.deepStrictEqual(said(), [], "nor is one told that comes after")
  })

  it("is named by the map of its section, by its id, or by its stream, in this order", () => {
    const midToTrackId = { "3": "TR_mapped" }
    for (const [ids, expected] of [
      [{ mid: "3", trackId: "TR_id", streamId: "PA_1|TR_stream" }, "TR_mapped"],
      [{ mid: "4", trackId: "TR_id", streamId: "PA_1|TR_stream" }, "TR_id"],
      [{ mid: null, trackId: "a-local-id", streamId: "PA_1|TR_stream" }, "TR_stream"],
      [{ mid: null, trackId: undefined, streamId: undefined }, undefined]
    ] as const) {
      assert.strictEqual(RemoteTrack.sidOf({ ...ids, midToTrackId }), expected)
    }
    assert.deepStrictEqual(RemoteTrack.parseStreamId("PA_1|camera"), {
      participantSid: "PA_1",
      trackSid: undefined
    })
  })
})
