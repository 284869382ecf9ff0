import { VideoQuality } from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, type PubSub, Queue, Schedule, Stream } from "effect"
import { type EngineEvent, RTCEngine, type RtcMedia, Stats } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine, RtpTrack } from "effect-livekit/node"
import { WrtcMedia, WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"
import * as keyframe from "../src/internal/rtp/keyframe.ts"
import * as RtpPacket from "../src/internal/rtp/RtpPacket.ts"
import { rtpPacket } from "./media/rtpMedia.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"

const { HIGH, LOW } = VideoQuality
const size = { width: 640, height: 360 }

const runtimes = { wrtc: WrtcRTCEngine.layerServices, packets: NodeRTCEngine.layerServices }

const join = Effect.fnUntraced(function* (
  server: DevServer.DevServer["Service"],
  identity: string,
  runtime: keyof typeof runtimes
) {
  const services = yield* Layer.build(runtimes[runtime])
  const engine = yield* Effect.provideContext(RTCEngine.make, services)
  const events = yield* engine.subscribeEvents
  yield* engine.connect({ url: server.url, token: yield* server.token({ identity, room: "room" }) })
  return { engine, events }
})

/** Waits for what is looked for in events to come. */
const find = <A>(
  events: PubSub.Subscription<EngineEvent.EngineEvent>,
  look: (event: EngineEvent.EngineEvent) => A | undefined
) =>
  Stream.fromSubscription(events).pipe(
    Stream.map(look),
    Stream.filter((found) => found !== undefined),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout("20 seconds")
  )
const videoOf = (events: PubSub.Subscription<EngineEvent.EngineEvent>) =>
  find(events, (event) =>
    event._tag === "TrackSubscribed" && event.track.track.kind === "video" ? event.track : undefined
  )
/** Waits until the publisher is told that just these qualities are wanted. */
const wanted = (events: PubSub.Subscription<EngineEvent.EngineEvent>, qualities: ReadonlyArray<VideoQuality>) =>
  find(events, (event) => {
    if (event._tag !== "SubscribedQualityUpdated") return undefined
    const enabled = event.update.subscribedQualities.flatMap(({ enabled, quality }) => (enabled ? [quality] : []))
    return enabled.join() === qualities.join() ? true : undefined
  })
const showsWidth = (track: RtcMedia.MediaTrack, width: number) =>
  WrtcMedia.pictures(track).pipe(
    Stream.filter((picture) => picture.width === width),
    Stream.runHead,
    Effect.timeout("20 seconds")
  )
/** Statistics once they have an entry as wanted. */
const eventually = <A>(stats: Stats.StatsGetter, look: (report: Stats.StatsReport) => A | undefined) =>
  Stats.stream(stats, Schedule.spaced("100 millis")).pipe(
    Stream.map(look),
    Stream.filter((found) => found !== undefined),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout("20 seconds")
  )
const speakers = (events: PubSub.Subscription<EngineEvent.EngineEvent>, sid: string, active: boolean) =>
  find(events, (event) =>
    event._tag === "SpeakersChanged"
      ? event.update.speakers.find((speaker) => speaker.sid === sid && speaker.active === active)
      : undefined
  )

const onServerOf = (runtime: typeof NodeDataChannel.layer) => {
  const live = (
    name: string,
    test: (
      server: DevServer.DevServer["Service"]
    ) => Effect.Effect<void, unknown, Effect.Services<ReturnType<typeof join>>>
  ) => it.live(name, () => Effect.flatMap(DevServer.make(), test).pipe(Effect.scoped, Effect.provide(runtime)), 60_000)
  return live
}

describe("media on a server that forwards packets", () => {
  const live = onServerOf(NodeDataChannel.layer)

  live("reaches each subscriber in the size that it asks for, and the publisher hears which are wanted", (server) =>
    Effect.gen(function* () {
      const [bob, carol] = [yield* join(server, "bob", "wrtc"), yield* join(server, "carol", "wrtc")]
      const alice = yield* join(server, "alice", "wrtc")
      yield* alice.engine.publishTrack(yield* wrtcMedia.picture(size), {
        video: { ...size, simulcast: true },
        codec: "vp8"
      })
      const [atBob, atCarol] = [yield* videoOf(bob.events), yield* videoOf(carol.events)]
      yield* wanted(alice.events, [LOW, VideoQuality.MEDIUM, HIGH])
      yield* Effect.all([showsWidth(atBob.track, 640), showsWidth(atCarol.track, 640)], { concurrency: "unbounded" })

      yield* bob.engine.updateTrackSettings([atBob.sid], { quality: LOW })
      yield* showsWidth(atBob.track, 320)
      yield* showsWidth(atCarol.track, 640)
      yield* carol.engine.updateTrackSettings([atCarol.sid], { dimensions: { width: 320, height: 180 } })
      yield* wanted(alice.events, [LOW])
      yield* showsWidth(atCarol.track, 320)

      yield* bob.engine.updateTrackSettings([atBob.sid], { disabled: true })
      yield* carol.engine.updateSubscription([{ sids: [atCarol.sid] }], false)
      yield* wanted(alice.events, [])
      yield* bob.engine.updateTrackSettings([atBob.sid], { quality: HIGH })
      yield* wanted(alice.events, [LOW, VideoQuality.MEDIUM, HIGH])
      yield* showsWidth(atBob.track, 640)
    })
  )

  live("changes its size at a picture that needs no other, without a break in its numbers", (server) =>
    Effect.gen(function* () {
      const bob = yield* join(server, "bob", "packets")
      const alice = yield* join(server, "alice", "wrtc")
      yield* alice.engine.publishTrack(yield* wrtcMedia.picture(size), {
        video: { ...size, simulcast: true },
        codec: "vp8"
      })
      const { sid, track } = yield* videoOf(bob.events)
      const packets = yield* Queue.unbounded<Uint8Array>()
      yield* Effect.forkScoped(
        Stream.runForEach(RtpTrack.packets(track), (packet) => Effect.sync(() => Queue.offerUnsafe(packets, packet)))
      )
      /** Packets until the first one of a key frame in this size, by which a decoder would go on. */
      const until = Effect.fnUntraced(function* (width: number) {
        const all: Array<Uint8Array> = []
        while (true) {
          const packet = yield* Queue.take(packets)
          all.push(packet)
          if (widthOf(packet) === width) return all
        }
      }, Effect.timeout("20 seconds"))
      const all = yield* until(640)
      for (const [quality, width] of [
        [LOW, 320],
        [HIGH, 640]
      ] as const) {
        yield* bob.engine.updateTrackSettings([sid], { quality })
        all.push(...(yield* until(width)))
      }
      const steps = all.slice(1).map((packet, index) => {
        const before = all[index] ?? packet
        return {
          sequence: (RtpPacket.sequence(packet) - RtpPacket.sequence(before)) & 0xffff,
          time: (RtpPacket.timestamp(packet) - RtpPacket.timestamp(before)) | 0
        }
      })
      assert.isTrue(steps.every(({ sequence }) => sequence === 1))
      assert.isTrue(steps.every(({ time }) => time >= 0 && time < 90_000))
      assert.strictEqual(new Set(all.map(RtpPacket.ssrc)).size, 1)
    })
  )

  live("is reported on by senders and receivers, and asked for whole pictures (RTCP)", (server) =>
    Effect.gen(function* () {
      const bob = yield* join(server, "bob", "wrtc")
      const carol = yield* join(server, "carol", "packets")
      const alice = yield* join(server, "alice", "wrtc")
      yield* alice.engine.publishTrack(yield* wrtcMedia.tone)
      const received = yield* eventually(alice.engine.publisherStats, (report) =>
        Stats.ofType(report, "remote-inbound-rtp").find(({ roundTripTime }) => roundTripTime > 0)
      )
      assert.strictEqual(received.fractionLost, 0)
      assert.isBelow(received.roundTripTime, 1)
      yield* eventually(bob.engine.subscriberStats, (report) =>
        report.find((entry) => entry.type === "other" && entry.name === "remote-outbound-rtp")
      )
      yield* eventually(carol.engine.subscriberStats, (report) =>
        Stats.ofType(report, "inbound-rtp").find(
          ({ audioLevel, packetsReceived }) => packetsReceived > 10 && audioLevel === 0
        )
      )

      // Packets that begin no picture: whoever decodes has to ask for one.
      const source = yield* RtpTrack.source("VP8")
      const self = { sequence: 0 }
      const inter = Effect.sync(() => {
        const sequence = self.sequence++
        source.write(rtpPacket(sequence, sequence * 1_800, "no key frame"))
      })
      yield* Effect.forkScoped(Effect.schedule(inter, Schedule.spaced("20 millis")))
      yield* carol.engine.publishTrack(source.track, { video: size })
      yield* Stream.runDrain(Stream.take(source.keyframeRequests, 2)).pipe(Effect.timeout("20 seconds"))
    })
  )

  live("tells who speaks by what packets say, and who has stopped", (server) =>
    Effect.gen(function* () {
      const alice = yield* join(server, "alice", "wrtc")
      const bob = yield* join(server, "bob", "packets")
      const tone = yield* alice.engine.publishTrack(yield* wrtcMedia.tone)
      const { level, sid } = yield* find(bob.events, (event) =>
        event._tag === "SpeakersChanged" ? event.update.speakers.find(({ active }) => active) : undefined
      )
      assert.closeTo(level, 0.2, 0.15)
      yield* tone.setMuted(true)
      yield* speakers(bob.events, sid, false)

      const source = yield* RtpTrack.source("opus")
      const self = { sequence: 0 }
      const spoken = Effect.sync(() => {
        const sequence = self.sequence++
        source.write(rtpPacket(sequence, sequence * 960, "speech"), { audioLevel: 0.5 })
      })
      const speaking = yield* Effect.forkScoped(Effect.schedule(spoken, Schedule.spaced("20 millis")))
      yield* bob.engine.publishTrack(source.track)
      const other = yield* find(alice.events, (event) =>
        event._tag === "SpeakersChanged"
          ? event.update.speakers.find((one) => one.active && one.sid !== sid)
          : undefined
      )
      assert.closeTo(other.level, 0.5, 0.05)
      yield* Fiber.interrupt(speaking)
      yield* speakers(alice.events, other.sid, false)
    })
  )
})

describe("media on a server that encodes again", () => {
  const live = onServerOf(WrtcPeerConnection.layer)

  live("has the largest of the sizes that are sent, and all are said to be wanted", (server) =>
    Effect.gen(function* () {
      const bob = yield* join(server, "bob", "wrtc")
      const alice = yield* join(server, "alice", "wrtc")
      yield* alice.engine.publishTrack(yield* wrtcMedia.picture(size), {
        video: { ...size, simulcast: true },
        codec: "vp8"
      })
      const { sid, track } = yield* videoOf(bob.events)
      yield* showsWidth(track, 640)
      yield* bob.engine.updateTrackSettings([sid], { quality: LOW })
      yield* bob.engine.updateTrackSettings([sid], { disabled: true })
      yield* wanted(alice.events, [])
      yield* bob.engine.updateTrackSettings([sid], { quality: LOW })
      yield* wanted(alice.events, [LOW, VideoQuality.MEDIUM, HIGH])
      yield* showsWidth(track, 640)
    })
  )
})

/** Of the picture that begins in this packet, if it needs no other (RFC 6386). */
const widthOf = (packet: Uint8Array): number | undefined => {
  const payload = RtpPacket.payload(packet)
  if (!keyframe.begins("VP8", payload)) return undefined
  const start = Buffer.from(payload).indexOf(Buffer.of(0x9d, 0x01, 0x2a))
  return start < 0 ? undefined : Buffer.from(payload).readUInt16LE(start + 3) & 0x3fff
}
