import { ConnectionQuality, LeaveRequest, LeaveRequest_Action, TrackType } from "@livekit/protocol"
import { assert, describe } from "@effect/vitest"
import { Clock, Effect, Fiber, FiberMap, Option, Schedule, Stream } from "effect"
import { Stats } from "effect-livekit"
import { RtpTrack, TestServer, VirtualTime } from "effect-livekit/testing"
import { rtpPacket } from "./media/rtpMedia.ts"
import { count, join, last, meet, type Participant, test as on } from "./suites/inMemory.ts"

const { elapse } = VirtualTime
const size = { width: 320, height: 240 }

/** A track with a packet every 20 ms, numbered. */
const speaking = (codec: RtpTrack.RtpCodec, audioLevel?: number) =>
  Effect.gen(function* () {
    const { track, write } = yield* RtpTrack.source(codec)
    const self = { sent: 0 }
    const next = Effect.sync(() => {
      const index = self.sent++
      write(rtpPacket(index, index * (codec === "opus" ? 960 : 1_800), `${codec} ${index}`), { audioLevel })
    })
    yield* Effect.forkScoped(Effect.schedule(next, Schedule.spaced("20 millis")))
    return { track, sent: () => self.sent }
  })

/** What a participant receives from now on, by kind, whatever the track: the numbers, and when each came. */
const listening = (participant: Participant) =>
  Effect.gen(function* () {
    const heard = { audio: new Array<number>(), video: new Array<number>(), at: new Array<number>() }
    const tracks = yield* FiberMap.make<string>()
    yield* participant.engine.events.pipe(
      Stream.runForEach((event) => {
        if (event._tag === "TrackUnsubscribed") return FiberMap.remove(tracks, event.track.sid)
        if (event._tag !== "TrackSubscribed") return Effect.void
        const { sid, track } = event.track
        const read = Stream.runForEach(RtpTrack.packets(track), (packet) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            heard[track.kind === "audio" ? "audio" : "video"].push(
              Number(Buffer.from(packet.subarray(12)).toString().split(" ")[1])
            )
            heard.at.push(now)
          })
        )
        return FiberMap.run(tracks, sid, read)
      }),
      Effect.forkScoped
    )
    yield* VirtualTime.settle
    return heard
  })

const isComplete = (numbers: ReadonlyArray<number>) =>
  numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1)

for (const mode of ["single", "dual"] as const) {
  describe(`tracks in virtual time, ${mode} peer connection`, () => {
    on(
      "carry each packet, in order, to who subscribes",
      Effect.gen(function* () {
        const alice = yield* join("alice", { mode })
        const bob = yield* join("bob", { mode })
        const heard = yield* listening(bob)
        const [voice, camera] = [yield* speaking("opus"), yield* speaking("VP8")]
        yield* alice.engine.publishTrack(voice.track, { name: "voice" }).pipe(VirtualTime.advancing)
        yield* alice.engine.publishTrack(camera.track, { video: size }).pipe(VirtualTime.advancing)
        yield* elapse("10 seconds")
        for (const numbers of [heard.audio, heard.video]) {
          assert.isAbove(numbers.length, 450)
          assert.isTrue(isComplete(numbers))
        }
        assert.deepStrictEqual(
          (yield* bob.engine.remoteTracks)
            .map(({ info, participant }) => [participant.identity, info?.type])
            .toSorted(),
          [
            ["alice", TrackType.AUDIO],
            ["alice", TrackType.VIDEO]
          ]
        )
        const [sent] = Stats.ofType(yield* alice.engine.publisherStats, "outbound-rtp")
        assert.isAbove(sent?.packetsSent ?? 0, 450)
      })
    )

    on(
      "are published though the server's word of it was lost with the signal connection, and may be so again (M1)",
      Effect.gen(function* () {
        const server = yield* TestServer.TestServer
        const alice = yield* join("alice", { mode })
        const bob = yield* join("bob", { mode })
        const heard = yield* listening(bob)
        const voice = yield* speaking("opus")
        yield* server.network.set("alice", { latency: 50 }, { path: "signal" })
        for (const loses of [true, false]) {
          yield* Effect.gen(function* () {
            const publishing = yield* Effect.forkScoped(alice.engine.publishTrack(voice.track))
            yield* elapse("70 millis")
            // The request has arrived, and its answer is on the way.
            if (loses) yield* alice.engine.reconnectNow
            yield* elapse("6 seconds")
            const { info } = yield* (yield* Fiber.join(publishing)).current
            assert.include(
              (yield* bob.engine.remoteTracks).map(({ sid }) => sid),
              info.sid
            )
            assert.isAbove(heard.audio.splice(0).length, 100)
          }).pipe(Effect.scoped)
          yield* elapse("1 second")
        }
        assert.strictEqual(count(alice, "Resumed"), 1)
        assert.strictEqual(count(alice, "Reconnected"), 0)
      })
    )

    on(
      "are silent while muted, and end when they are unpublished",
      Effect.gen(function* () {
        const alice = yield* join("alice", { mode })
        const bob = yield* join("bob", { mode })
        const heard = yield* listening(bob)
        const voice = yield* speaking("opus")
        yield* Effect.gen(function* () {
          const publication = yield* VirtualTime.advancing(alice.engine.publishTrack(voice.track))
          yield* elapse("1 second")
          yield* publication.setMuted(true)
          yield* elapse("100 millis")
          assert.isTrue(last(bob, "ParticipantsUpdated")?.participants[0]?.tracks[0]?.muted)
          const before = heard.audio.length
          yield* elapse("2 seconds")
          assert.strictEqual(heard.audio.length, before)
          yield* publication.setMuted(false)
          yield* elapse("2 seconds")
          assert.isAbove(heard.audio.length, before + 90)
        }).pipe(Effect.scoped)
        yield* elapse("1 second")
        assert.strictEqual(count(bob, "TrackUnsubscribed"), 1)
        assert.deepStrictEqual(yield* bob.engine.remoteTracks, [])
      })
    )

    on(
      "go on over a cut of the signal, and over one of the path by ICE restart",
      Effect.gen(function* () {
        const { alice, bob, faults, media } = yield* meet({ mode })
        const heard = yield* listening(bob)
        const voice = yield* speaking("opus")
        yield* VirtualTime.advancing(alice.engine.publishTrack(voice.track))
        yield* elapse("1 second")
        yield* faults.dropSignal("alice")
        yield* elapse("2 seconds")
        assert.strictEqual(count(alice, "Resumed"), 1)
        assert.isTrue(isComplete(heard.audio))
        yield* media.changeAddress
        yield* elapse("1 second")
        const before = heard.audio.length
        yield* alice.engine.reconnectNow
        yield* elapse("5 seconds")
        assert.isAbove(heard.audio.length, before + 150)
        assert.strictEqual(count(bob, "TrackSubscribed"), 1)
      })
    )

    on(
      "are published again after a full reconnect, and received again",
      Effect.gen(function* () {
        const { alice, bob, faults } = yield* meet({ mode })
        const heard = yield* listening(bob)
        const voice = yield* speaking("opus")
        const publication = yield* VirtualTime.advancing(alice.engine.publishTrack(voice.track))
        yield* elapse("1 second")
        const before = { sid: (yield* publication.current).info.sid, heard: heard.audio.length }
        const getter = alice.engine.statsGetter((yield* publication.current).sender)
        assert.isNotEmpty(yield* getter)
        yield* faults.leave("alice", new LeaveRequest({ action: LeaveRequest_Action.RECONNECT }))
        yield* elapse("5 seconds")
        assert.strictEqual(count(alice, "LocalTrackRepublished"), 1)
        assert.deepStrictEqual(yield* getter, [], "bound to the session that is over (S156)")
        assert.isNotEmpty(yield* alice.engine.publisherStats)
        assert.notStrictEqual((yield* publication.current).info.sid, before.sid)
        assert.strictEqual(count(bob, "TrackSubscribed"), 2)
        assert.isAbove(heard.audio.length, before.heard + 150)
      })
    )
  })
}

describe("the network of a test", () => {
  on(
    "delays the packets of tracks as it delays data",
    Effect.gen(function* () {
      const { alice, bob, media } = yield* meet()
      const heard = yield* listening(bob)
      const { track, write } = yield* RtpTrack.source("opus")
      yield* VirtualTime.advancing(alice.engine.publishTrack(track))
      yield* elapse("1 second")
      yield* media.set({ latency: 300 })
      const sentAt = yield* Clock.currentTimeMillis
      write(rtpPacket(1, 1, "opus 1"))
      yield* elapse("1 second")
      assert.deepStrictEqual(
        heard.at.map((at) => at - sentAt),
        [300]
      )
    })
  )

  on(
    "loses packets, and everybody hears how well the connection is (connection quality)",
    Effect.gen(function* () {
      const { alice, bob, media } = yield* meet()
      const voice = yield* speaking("opus")
      yield* VirtualTime.advancing(alice.engine.publishTrack(voice.track))
      const quality = () => last(bob, "ConnectionQualityUpdated")?.update.updates[0]
      yield* elapse("11 seconds")
      assert.notStrictEqual(quality()?.quality, ConnectionQuality.POOR)
      yield* media.set({ loss: 0.2 })
      yield* elapse("11 seconds")
      const { participant } = alice.engine
      assert.deepInclude(quality(), {
        quality: ConnectionQuality.POOR,
        participantSid: Option.getOrThrow(yield* participant).sid
      })
      yield* media.set({ loss: 0 })
      yield* elapse("11 seconds")
      assert.deepInclude(quality(), { quality: ConnectionQuality.EXCELLENT })
    })
  )

  on(
    "shows who speaks, by the levels in their packets",
    Effect.gen(function* () {
      const { alice, bob } = yield* meet()
      const speech = yield* Effect.forkScoped(
        Effect.scoped(
          Effect.gen(function* () {
            const voice = yield* speaking("opus", 0.5)
            yield* alice.engine.publishTrack(voice.track)
            return yield* Effect.never
          })
        )
      )
      yield* elapse("2 seconds")
      const speaker = () => last(bob, "SpeakersChanged")?.update.speakers[0]
      assert.isTrue(speaker()?.active)
      assert.closeTo(speaker()?.level ?? 0, 0.5, 0.05)
      yield* Fiber.interrupt(speech)
      yield* elapse("3 seconds")
      assert.isFalse(speaker()?.active)
    })
  )
})
