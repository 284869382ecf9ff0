/**
 * Who speaks, by the levels of the audio that comes in.
 */
import { SpeakerInfo } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Stats from "../Stats.ts"
import type { PublishedTrack } from "./Uplink.ts"

/** Milliseconds between two looks; a LiveKit server has the same. */
export const interval = 400

/** A level from 0 to 1 that is speech, and not the room: -35 dB. */
const threshold = 0.018

/** The level of the loudest of these tracks. */
export const levelOf = (tracks: ReadonlyArray<PublishedTrack>): Effect.Effect<number> =>
  Effect.map(
    Effect.forEach(tracks, ({ info, media }) =>
      media === undefined || info.muted || media.track.kind !== "audio" ? Effect.succeed([]) : media.receiver.stats
    ),
    (reports) =>
      Math.max(
        0,
        ...reports.flatMap((report) => Stats.ofType(report, "inbound-rtp").map(({ audioLevel }) => audioLevel))
      )
  )

/** What is news: who has begun, who is at another level, who has stopped. `speaking` is brought up to date. */
export const changes = (
  speaking: Map<string, number>,
  levels: ReadonlyMap<string, number>
): ReadonlyArray<SpeakerInfo> => {
  const changed: Array<SpeakerInfo> = []
  for (const sid of speaking.keys()) {
    if ((levels.get(sid) ?? 0) >= threshold) continue
    speaking.delete(sid)
    changed.push(new SpeakerInfo({ sid, level: 0, active: false }))
  }
  for (const [sid, level] of levels) {
    const rounded = Math.round(level * 10) / 10
    if (level < threshold || speaking.get(sid) === rounded) continue
    speaking.set(sid, rounded)
    changed.push(new SpeakerInfo({ sid, level, active: true }))
  }
  return changed
}
