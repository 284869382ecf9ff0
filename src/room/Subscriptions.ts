/**
 * What a participant has chosen to receive, and who may receive its tracks. Plain data and decisions.
 */
import type { SubscriptionPermission, UpdateSubscription, UpdateTrackSettings } from "@livekit/protocol"

export interface Chooser {
  readonly canSubscribe: boolean
  readonly autoSubscribe: boolean
  /** By track. */
  readonly chosen: Map<string, boolean>
  readonly disabled: Set<string>
  /** What was said last of the size of a track. */
  readonly settings: Map<string, UpdateTrackSettings>
}

export const makeChooser = (canSubscribe: boolean, autoSubscribe: boolean): Chooser => ({
  canSubscribe,
  autoSubscribe,
  chosen: new Map(),
  disabled: new Set(),
  settings: new Map()
})

export const choose = ({ chosen }: Chooser, { participantTracks, subscribe, trackSids }: UpdateSubscription) => {
  for (const sid of [...trackSids, ...participantTracks.flatMap((tracks) => tracks.trackSids)]) {
    chosen.set(sid, subscribe)
  }
}

export const setUp = ({ disabled, settings: known }: Chooser, settings: UpdateTrackSettings) => {
  for (const sid of settings.trackSids) {
    known.set(sid, settings)
    if (settings.disabled) disabled.add(sid)
    else disabled.delete(sid)
  }
}

export const wants = ({ autoSubscribe, canSubscribe, chosen }: Chooser, sid: string): boolean =>
  canSubscribe && (chosen.get(sid) ?? autoSubscribe)

/** Whether a track may be received; by everybody where its publisher has said nothing. */
export const permits = (
  permission: SubscriptionPermission | undefined,
  who: { readonly sid: string; readonly identity: string },
  trackSid: string
): boolean =>
  permission === undefined ||
  permission.allParticipants ||
  permission.trackPermissions.some(
    ({ allTracks, participantIdentity, participantSid, trackSids }) =>
      (participantSid === who.sid || (participantSid === "" && participantIdentity === who.identity)) &&
      (allTracks || trackSids.includes(trackSid))
  )
