/**
 * Which sections of a peer connection the far end sends in. A runtime announces tracks while it sets a description; they are
 * passed on when that is in force, with the ids that the description gives them, because those of the runtime may be its own.
 */
import * as Effect from "effect/Effect"
import type { TransportOptions } from "../PeerConnectionTransport.ts"
import type { RtcTrackEvent } from "../RtcMedia.ts"
import * as Sdp from "../Sdp.ts"

export interface RemoteSections {
  readonly onTrack: (event: RtcTrackEvent) => void
  /** Sets a remote description by `set`, then says which tracks came and which ended by it. */
  readonly describe: <E>(sdp: string, set: Effect.Effect<void, E>) => Effect.Effect<void, E>
}

export const make = ({ onTrack, onTrackEnded }: Pick<TransportOptions, "onTrack" | "onTrackEnded">): RemoteSections => {
  const self = { isBeingSet: false, sections: [] as ReadonlyArray<Sdp.Section> }
  const arrived: Array<RtcTrackEvent> = []
  const told = new Map<string, { readonly event: RtcTrackEvent; readonly trackId: string | undefined }>()

  const tell = (event: RtcTrackEvent) => {
    const section = self.sections.find(({ mid }) => mid === event.mid)
    if (event.mid !== null) told.set(event.mid, { event, trackId: section?.trackId })
    onTrack?.({ ...event, streamId: section?.streamId, trackId: section?.trackId })
  }
  const inForce = (sdp: string) => {
    self.sections = Sdp.sections(sdp)
    for (const [mid, { event, trackId }] of told) {
      const section = self.sections.find((section) => section.mid === mid)
      const isSending = section !== undefined && Sdp.isSending(section)
      if (isSending && section.trackId === trackId) continue
      told.delete(mid)
      onTrackEnded?.(mid)
      // Another track in the same section is no news to the runtime.
      if (isSending && !arrived.some((one) => one.mid === mid)) arrived.push(event)
    }
    for (const event of arrived.splice(0)) tell(event)
  }

  return {
    onTrack: (event) => {
      if (self.isBeingSet) arrived.push(event)
      else tell(event)
    },
    describe: (sdp, set) =>
      Effect.suspend(() => {
        self.isBeingSet = true
        return set.pipe(
          Effect.ensuring(Effect.sync(() => (self.isBeingSet = false))),
          Effect.tap(() => Effect.sync(() => inForce(sdp)))
        )
      })
  }
}
