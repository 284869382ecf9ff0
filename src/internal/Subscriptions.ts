/**
 * What the application has chosen to receive, kept so that the server can be told again after every kind of reconnect (RM1, RM3).
 */
import { type ParticipantInfo, ParticipantInfo_State, UpdateSubscription, UpdateTrackSettings } from "@livekit/protocol"
import type { SignalRequest } from "../SignalRequest.ts"

export interface Subscriptions {
  readonly choose: (sids: ReadonlyArray<string>, subscribe: boolean) => void
  readonly set: (settings: UpdateTrackSettings) => void
  /** Who participates: tracks that are no longer published, and those of who has left, are forgotten. */
  readonly learn: (participants: ReadonlyArray<ParticipantInfo>) => void
  /** The exceptions to what is subscribed by itself. */
  readonly exceptions: (autoSubscribe: boolean) => UpdateSubscription
  readonly disabled: () => ReadonlyArray<string>
  /** The requests that bring a server up to date that has just let us in, or has kept our session. */
  readonly repeat: (options: {
    readonly isFullReconnect: boolean
    readonly autoSubscribe: boolean
  }) => ReadonlyArray<SignalRequest>
  readonly clear: () => void
}

export const make = (): Subscriptions => {
  const chosen = new Map<string, boolean>()
  const settings = new Map<string, UpdateTrackSettings>()
  /** By participant. */
  const published = new Map<string, ReadonlyArray<string>>()

  const exceptions = (autoSubscribe: boolean) => {
    const trackSids = [...chosen].flatMap(([sid, subscribe]) => (subscribe === autoSubscribe ? [] : [sid]))
    return new UpdateSubscription({ trackSids, subscribe: !autoSubscribe })
  }

  return {
    choose: (sids, subscribe) => {
      for (const sid of sids) chosen.set(sid, subscribe)
    },
    set: (next) => {
      for (const sid of next.trackSids) {
        const own = next.clone()
        own.trackSids = [sid]
        settings.set(sid, own)
      }
    },
    learn: (participants) => {
      for (const participant of participants) {
        const hasLeft = participant.state === ParticipantInfo_State.DISCONNECTED
        const tracks = participant.tracks.map(({ sid }) => sid)
        const before = published.get(participant.sid) ?? []
        if (hasLeft) published.delete(participant.sid)
        else published.set(participant.sid, tracks)
        for (const sid of hasLeft ? [...before, ...tracks] : before.filter((sid) => !tracks.includes(sid))) {
          chosen.delete(sid)
          settings.delete(sid)
        }
      }
    },
    exceptions,
    disabled: () => [...settings].flatMap(([sid, { disabled }]) => (disabled ? [sid] : [])),
    repeat: ({ autoSubscribe, isFullReconnect }) => {
      const subscription = exceptions(autoSubscribe)
      const requests: Array<SignalRequest> = [...settings.values()].map((value) => ({ case: "trackSetting", value }))
      // A resume has told it in its sync state.
      return isFullReconnect && subscription.trackSids.length > 0
        ? [{ case: "subscription", value: subscription }, ...requests]
        : requests
    },
    clear: () => {
      published.clear()
      chosen.clear()
      settings.clear()
    }
  }
}
