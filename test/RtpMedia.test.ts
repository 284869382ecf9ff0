import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { RtpTrack } from "effect-livekit/node"
import * as FastCheck from "fast-check"
import * as RtcpPacket from "../src/internal/rtp/RtcpPacket.ts"
import * as RtpMedia from "../src/internal/rtp/RtpMedia.ts"
import * as RtpPacket from "../src/internal/rtp/RtpPacket.ts"
import { rtpPacket } from "./media/rtpMedia.ts"

const section = (...lines: ReadonlyArray<string>) =>
  [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=rtpmap:96 VP8/90000",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=extmap:5 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    ...lines,
    ""
  ].join("\r\n")

/** Media over a transport of the test's own. */
const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const written: Array<Uint8Array> = []
  const tracks: Array<Parameters<Parameters<typeof RtpMedia.make>[0]["onTrack"]>[0]> = []
  const self = { ssrc: 100 }
  const media = RtpMedia.make({
    clock,
    nextSsrc: () => self.ssrc++,
    onTrack: (event) => void tracks.push(event),
    write: (packet) => void written.push(packet)
  })
  return { media, tracks, written }
})

const packetOf = (ssrc: number, sequence: number) => {
  const packet = rtpPacket(sequence, sequence * 3_000, "")
  packet[1] = 96
  packet.writeUInt32BE(ssrc, 8)
  return packet
}

describe("media as packets", () => {
  it.effect("hands out the layers of a track by the SSRCs that were announced for them", () =>
    Effect.gen(function* () {
      const { media, tracks, written } = yield* make
      media.onRemote(section("a=sendonly", "a=ssrc-group:SIM 7 8", "a=ssrc:7 cname:x", "a=ssrc:8 cname:x"))
      const receiver = tracks[0]?.receiver
      assert.deepStrictEqual(receiver?.layers?.(), [])
      const heard: Array<string> = []
      for (const ssrc of [7, 8, 8, 9]) media.receive(packetOf(ssrc, 1))
      for (const { rid, track } of receiver?.layers?.() ?? []) {
        if (track instanceof RtpTrack.RtpTrack) track.read((packet) => heard.push(`${rid} ${RtpPacket.ssrc(packet)}`))
      }
      for (const ssrc of [7, 8, 9]) media.receive(packetOf(ssrc, 2))
      assert.deepStrictEqual(heard, ["q 7", "h 8"])
      const [small] = receiver?.layers?.() ?? []
      if (small?.track instanceof RtpTrack.RtpTrack) small.track.requestKeyframe()
      assert.deepStrictEqual(written.flatMap(RtcpPacket.parse), [{ _tag: "KeyframeRequest", ssrc: 7 }])
    })
  )

  it.effect("places a packet that comes before its description anew when that is there", () =>
    Effect.gen(function* () {
      const { media, tracks } = yield* make
      const first = section("a=sendonly", "a=ssrc:7 cname:x")
      media.onRemote(first)
      media.receive(packetOf(9, 1))
      const second = first.slice(first.indexOf("m=video")).replace("a=mid:0", "a=mid:1").replaceAll("ssrc:7", "ssrc:9")
      media.onRemote(first + second)
      const heard: Array<string> = []
      for (const { mid, track } of tracks) {
        if (track instanceof RtpTrack.RtpTrack) track.read((packet) => heard.push(`${mid} ${RtpPacket.ssrc(packet)}`))
      }
      for (const ssrc of [7, 9]) media.receive(packetOf(ssrc, 2))
      assert.deepStrictEqual(heard, ["0 7", "1 9"])
    })
  )

  it.effect("rejects a section of which it knows no codec, and one alone", () =>
    Effect.gen(function* () {
      const { media } = yield* make
      const unknown = section("a=sendonly").replace("VP8", "XYZ")
      media.onRemote(unknown)
      const answer = media.describe("answer", unknown)
      assert.match(answer, /^m=video 0 /m)
      assert.notMatch(answer, /a=rtpmap/)
    })
  )

  it.effect("survives any packet and any description, and goes on", () =>
    Effect.gen(function* () {
      const { media, tracks } = yield* make
      const good = section("a=sendonly")
      FastCheck.assert(
        FastCheck.property(
          FastCheck.uint8Array({ maxLength: 60 }),
          FastCheck.nat(good.length - 1),
          FastCheck.string({ maxLength: 12 }),
          (bytes, at, text) => {
            media.receive(bytes)
            media.receive(Uint8Array.of(0x90, 96, ...bytes))
            media.onRemote(good.slice(0, at) + text + good.slice(at + text.length))
            media.onRemote(text)
          }
        ),
        { numRuns: 1_000 }
      )
      for (const odd of ["a=ssrc-group:SIM 7", "a=rid:1 send", "a=simulcast:send 1", "a=rtpmap:96 8/9", "a=ssrc:x"]) {
        media.onRemote(section("a=sendonly", odd))
      }
      const before = tracks.length
      media.onRemote(section("a=inactive"))
      media.onRemote(good)
      assert.isAbove(tracks.length, before)
    })
  )
})
