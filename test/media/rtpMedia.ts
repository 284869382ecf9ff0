/**
 * Packets of Opus and VP8 that mean nothing, and what arrives of them.
 */
import { Effect, Option, Schedule, Stream } from "effect"
import { RtpTrack } from "effect-livekit/node"
import type { TestMedia } from "./wrtcMedia.ts"

/** A packet as an application has it. */
export const rtpPacket = (sequence: number, timestamp: number, payload: string) => {
  const packet = Buffer.alloc(12 + payload.length)
  packet[0] = 0x80
  packet[1] = 77
  packet.writeUInt16BE(sequence & 0xffff, 2)
  packet.writeUInt32BE(timestamp >>> 0, 4)
  packet.writeUInt32BE(1, 8)
  packet.write(payload, 12)
  return packet
}

const send = (codec: RtpTrack.RtpCodec, clockRate: number) =>
  Effect.gen(function* () {
    const { track, write } = yield* RtpTrack.source(codec)
    const self = { sequence: 65_500 }
    const next = Effect.sync(() => {
      const sequence = self.sequence++
      write(rtpPacket(sequence, (sequence * clockRate) / 50, `${codec} ${sequence}`))
    })
    yield* Effect.forkScoped(Effect.schedule(next, Schedule.fixed(20)))
    return track
  })

export const rtpMedia: TestMedia = {
  tone: send("opus", 48_000),
  picture: () => send("VP8", 90_000),
  heard: "opus",
  seen: "VP8",
  arrives: (track) =>
    RtpTrack.packets(track).pipe(
      Stream.drop(10),
      Stream.map((packet) => Buffer.from(packet.subarray(12)).toString().split(" ")[0] ?? ""),
      Stream.runHead,
      Effect.map(Option.getOrThrow)
    )
}
