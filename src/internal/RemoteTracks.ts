/**
 * The remote tracks of one session: each is told once its participant is known (a track may come before it), and told to have
 * ended when its section, its participant, or the session has.
 */
import type { ParticipantInfo } from "@livekit/protocol"
import { ParticipantInfo_State } from "@livekit/protocol"
import type { EngineEvent } from "../EngineEvent.ts"
import type { Target } from "../PeerConnectionError.ts"
import type { RemoteMedia } from "../PeerConnectionTransport.ts"
import * as RemoteTrack from "../RemoteTrack.ts"

export interface RemoteTracks {
  readonly add: (target: Target, media: RemoteMedia) => void
  readonly ended: (target: Target, mid: string) => void
  readonly learn: (participants: ReadonlyArray<ParticipantInfo>) => void
  /** What the server says about the sections of the description that comes (single peer connection). */
  readonly setMids: (midToTrackId: Readonly<Record<string, string>>) => void
  readonly current: () => ReadonlyArray<RemoteTrack.RemoteTrack>
  /** The session is over. */
  readonly clear: () => void
}

interface Arrived {
  readonly media: RemoteMedia
  readonly sid: string
  readonly streamId: string
  readonly participantSid: string
  told: RemoteTrack.RemoteTrack | undefined
}

export const make = (emit: (event: EngineEvent) => void): RemoteTracks => {
  const participants = new Map<string, ParticipantInfo>()
  const arrived = new Map<string, Arrived>()
  const self = { midToTrackId: {} as Readonly<Record<string, string>> }
  const key = (target: Target, mid: string | null) => `${target} ${mid ?? ""}`

  const tell = (one: Arrived) => {
    const participant = participants.get(one.participantSid)
    if (one.told !== undefined || participant === undefined) return
    const { media, sid, streamId } = one
    one.told = {
      sid,
      streamId,
      track: media.track,
      receiver: media.receiver,
      participant,
      info: participant.tracks.find((track) => track.sid === sid)
    }
    emit({ _tag: "TrackSubscribed", track: one.told })
  }
  const end = (at: string) => {
    const one = arrived.get(at)
    arrived.delete(at)
    if (one?.told !== undefined) emit({ _tag: "TrackUnsubscribed", track: one.told })
  }

  // A server that expects it back keeps its sections as they are.
  const leave = (participantSid: string) => {
    participants.delete(participantSid)
    for (const [at, one] of arrived) if (one.participantSid === participantSid) end(at)
  }

  return {
    add: (target, media) => {
      const { mid, streamId = "", trackId } = media
      const sid = RemoteTrack.sidOf({ mid, midToTrackId: self.midToTrackId, trackId, streamId }) ?? media.track.id
      const one: Arrived = {
        media,
        sid,
        streamId,
        participantSid: RemoteTrack.parseStreamId(streamId).participantSid,
        told: undefined
      }
      end(key(target, mid))
      arrived.set(key(target, mid), one)
      tell(one)
    },
    ended: (target, mid) => end(key(target, mid)),
    learn: (all) => {
      for (const participant of all) {
        if (participant.state === ParticipantInfo_State.DISCONNECTED) leave(participant.sid)
        else participants.set(participant.sid, participant)
      }
      for (const one of arrived.values()) tell(one)
    },
    setMids: (midToTrackId) => {
      self.midToTrackId = midToTrackId
    },
    current: () => [...arrived.values()].flatMap(({ told }) => (told === undefined ? [] : [told])),
    clear: () => {
      for (const at of arrived.keys()) end(at)
    }
  }
}
