/**
 * What becomes of a published track when something happens to it at the server, or to the connection.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  AddTrackRequest,
  LeaveRequest,
  LeaveRequest_Action,
  MuteTrackRequest,
  SignalResponse,
  TrackUnpublishedResponse
} from "@livekit/protocol"
import { Effect, Fiber } from "effect"
import { type EngineError, type RtcMedia, SignalRequestQueue, type TrackPublication } from "effect-livekit"
import { RtpTrack, TestServer, VirtualTime } from "effect-livekit/testing"
import { TestClock } from "effect/testing"
import * as PendingTracks from "../src/internal/PendingTracks.ts"
import { count, join, last, meet, type Participant, test as on } from "./suites/inMemory.ts"

const { elapse } = VirtualTime

const microphone = Effect.map(RtpTrack.source("opus"), ({ track }) => track)

const publish = (participant: Participant, track: RtcMedia.MediaTrack) =>
  Effect.gen(function* () {
    const self = { publication: undefined as TrackPublication.TrackPublication | undefined }
    yield* Effect.forkScoped(
      Effect.map(participant.engine.publishTrack(track), (publication) => (self.publication = publication))
    )
    yield* elapse("2 seconds")
    return self.publication ?? (yield* Effect.die("it was not published"))
  })

const say = (message: SignalResponse["message"]) =>
  Effect.gen(function* () {
    const { faults } = yield* TestServer.TestServer
    yield* faults.sendRaw("alice", new SignalResponse({ message }).toBinary())
    yield* elapse("1 second")
  })

/** Whether bob was last told that alice is muted. */
const isMuted = (bob: Participant) => last(bob, "ParticipantsUpdated")?.participants[0]?.tracks[0]?.muted

describe("a published track", () => {
  on(
    "is muted at the server though the word of it was lost with the signal connection",
    Effect.gen(function* () {
      const { alice, bob, faults, network } = yield* meet()
      const track = yield* microphone
      const publication = yield* publish(alice, track)
      yield* network.set("alice", { latency: 100 })
      yield* faults.dropSignal("alice")
      yield* publication.setMuted(true)
      yield* elapse("10 seconds")
      assert.strictEqual(count(alice, "Resumed"), 1)
      assert.isTrue(isMuted(bob))
    })
  )

  on(
    "is muted though it was just being published again",
    Effect.gen(function* () {
      const { alice, bob, faults, network } = yield* meet()
      const track = yield* microphone
      const publication = yield* publish(alice, track)
      yield* network.set("alice", { latency: 100 })
      yield* faults.leave("alice", new LeaveRequest({ action: LeaveRequest_Action.RECONNECT }))
      yield* Effect.repeat(elapse(10), { until: () => count(alice, "Reconnected") > 0 })
      yield* elapse(10)
      assert.strictEqual((yield* Effect.flip(publication.current)).reason._tag, "UnknownTrack")
      yield* publication.setMuted(true)
      yield* elapse("5 seconds")
      assert.strictEqual(count(alice, "LocalTrackRepublished"), 1)
      assert.isFalse(track.enabled)
      assert.isTrue(isMuted(bob))
      assert.isTrue((yield* alice.engine.publishedTracks)[0]?.muted)
    })
  )

  on(
    "is known as muted when the server has muted it",
    Effect.gen(function* () {
      const alice = yield* join("alice")
      const track = yield* microphone
      const { sid } = (yield* (yield* publish(alice, track)).current).info
      yield* say({ case: "mute", value: new MuteTrackRequest({ sid, muted: true }) })
      assert.isFalse(track.enabled)
      assert.isTrue((yield* alice.engine.publishedTracks)[0]?.muted)
    })
  )

  on(
    "is published no longer when the server has ended it, and may be published again",
    Effect.gen(function* () {
      const alice = yield* join("alice")
      const track = yield* microphone
      const publication = yield* publish(alice, track)
      const { sender, info } = yield* publication.current
      yield* say({ case: "trackUnpublished", value: new TrackUnpublishedResponse({ trackSid: info.sid }) })
      assert.isNull(sender.track())
      for (const late of [publication.current, publication.setMuted(true)]) {
        assert.strictEqual(
          (yield* Effect.flip<unknown, EngineError.EngineError, never>(late)).reason._tag,
          "UnknownTrack"
        )
      }
      yield* publish(alice, track)
    })
  )

  it.effect("is not asked for in a session that is over", () =>
    Effect.gen(function* () {
      const pending = PendingTracks.make()
      pending.abort()
      const asking = pending.await({
        cid: "mic",
        millis: 20_000,
        send: Effect.void,
        isQueued: () => false,
        withdraw: Effect.void,
        whenQueued: Effect.void
      })
      assert.deepInclude(yield* Effect.flip(asking), { _tag: "PublishAborted", wasSent: false })
    })
  )

  for (const [how, end] of [
    ["given up", Fiber.interrupt],
    ["not answered in time", () => TestClock.adjust(20_000)]
  ] as const) {
    it.effect(`is not asked for late when it was ${how}`, () =>
      Effect.gen(function* () {
        const queue = yield* SignalRequestQueue.make
        const request = { case: "addTrack", value: new AddTrackRequest({ cid: "mic" }) } as const
        const asking = yield* Effect.forkChild(
          PendingTracks.make().await({
            cid: "mic",
            millis: 20_000,
            send: Effect.ignore(queue.send(request)),
            isQueued: () => queue.isQueued(request),
            withdraw: Effect.sync(() => queue.withdraw(request)),
            whenQueued: Effect.void
          }),
          { startImmediately: true }
        )
        assert.isTrue(queue.isQueued(request))
        yield* end(asking)
        assert.isFalse(queue.isQueued(request))
      })
    )
  }
})
