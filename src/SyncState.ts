/**
 * What the server is told after a resume, so that both sides agree again (S153, Q4).
 */
import {
  DataChannelInfo,
  DataChannelReceiveState,
  SessionDescription,
  SignalTarget,
  SyncState,
  type TrackPublishedResponse,
  type UpdateSubscription
} from "@livekit/protocol"
import type * as Rtc from "./PeerConnectionFactory.ts"

/**
 * The application's part of the sync state.
 *
 * @category models
 */
export interface ApplicationState {
  readonly subscription?: UpdateSubscription | undefined
  readonly publishTracks?: ReadonlyArray<TrackPublishedResponse> | undefined
  readonly trackSidsDisabled?: ReadonlyArray<string> | undefined
}

/**
 * What the application says goes before what the engine knows; tracks are named once.
 *
 * @category combining
 */
export const merge = (application: ApplicationState, engine: Required<ApplicationState>): ApplicationState => {
  const named = new Set(application.publishTracks?.map(({ track }) => track?.sid))
  return {
    subscription: application.subscription ?? engine.subscription,
    publishTracks: [
      ...(application.publishTracks ?? []),
      ...(engine.publishTracks ?? []).filter(({ track }) => !named.has(track?.sid))
    ],
    trackSidsDisabled: [...new Set([...(application.trackSidsDisabled ?? []), ...(engine.trackSidsDisabled ?? [])])]
  }
}

/**
 * The message that tells the server of a resumed session what the client has (S153).
 *
 * @category constructors
 */
export const make = (options: {
  readonly application: ApplicationState
  /** Our offer where there is one peer connection, the server's where there are two. */
  readonly offer: Rtc.SessionDescription | null
  readonly answer: Rtc.SessionDescription | null
  readonly channels: ReadonlyArray<{
    readonly label: string
    readonly id: number | null
    readonly target: "publisher" | "subscriber"
  }>
  readonly received: ReadonlyArray<{ readonly participantSid: string; readonly lastSequence: number }>
}): SyncState => {
  const { application, answer, offer } = options
  return new SyncState({
    ...(offer === null ? {} : { offer: describe(offer) }),
    ...(answer === null ? {} : { answer: describe(answer) }),
    ...(application.subscription === undefined ? {} : { subscription: application.subscription }),
    publishTracks: [...(application.publishTracks ?? [])],
    trackSidsDisabled: [...(application.trackSidsDisabled ?? [])],
    dataChannels: options.channels.flatMap(({ id, label, target }) =>
      id === null
        ? []
        : [
            new DataChannelInfo({
              label,
              id,
              target: target === "publisher" ? SignalTarget.PUBLISHER : SignalTarget.SUBSCRIBER
            })
          ]
    ),
    datachannelReceiveStates: options.received.map(
      ({ lastSequence, participantSid }) =>
        new DataChannelReceiveState({ publisherSid: participantSid, lastSeq: lastSequence })
    )
  })
}

const describe = ({ sdp, type }: Rtc.SessionDescription) => new SessionDescription({ type, sdp })
