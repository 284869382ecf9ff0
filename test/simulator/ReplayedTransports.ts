/**
 * The peer connections of a flight recording, as an engine finds them again: the nth that it makes goes through the states that
 * the nth went through, and answers as that did.
 */
import { Deferred, Effect, SubscriptionRef } from "effect"
import { PeerConnectionError, type PeerConnectionFactory, type PeerConnectionTransport, RtcMedia } from "effect-livekit"
import type { Entry, FlightRecording } from "effect-livekit/FlightRecording"
import { awaitConnected } from "../../src/internal/awaitConnected.ts"
import * as FakeDataChannel from "../fakes/FakeDataChannel.ts"
import { numbered } from "./numbered.ts"

type State = PeerConnectionFactory.PeerConnectionState

export interface ReplayedTransports {
  readonly factory: PeerConnectionTransport.Factory["Service"]
  /** Lets happen what an entry says, if it is of these. */
  readonly happen: (entry: Entry) => Effect.Effect<unknown>
}

/** As far as it is asked whether the far end has data channels. */
const withChannels =
  "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"

export const make = ({ conditions, entries }: FlightRecording): ReplayedTransports => {
  const capabilities: PeerConnectionFactory.Capabilities = {
    iceRestart: conditions.iceRestart,
    setConfiguration: conditions.setConfiguration,
    stats: false,
    media: "none",
    simulcast: false
  }
  const outcomes = () => numbered(Deferred.make<void, PeerConnectionError.PeerConnectionError>())
  const peers = numbered(
    Effect.gen(function* () {
      const channels = new Map<string, FakeDataChannel.FakeDataChannel>()
      return {
        state: yield* SubscriptionRef.make<State>("new"),
        steps: { initialOffer: outcomes(), negotiate: outcomes(), negotiated: outcomes(), answer: outcomes() },
        paths: outcomes(),
        /** A channel by whose it is and its label. */
        channel: (origin: "local" | "remote", label: string) => {
          const key = `${origin} ${label}`
          const known = channels.get(key) ?? makeChannel(label)
          channels.set(key, known)
          return known
        },
        announced: [] as Array<string>,
        announce: undefined as ((channel: PeerConnectionFactory.RtcDataChannel) => void) | undefined
      }
    })
  )
  const made = { count: 0 }
  const announces = (peer: number) =>
    entries.some((entry) => entry._tag === "ChannelChanged" && entry.peer === peer && entry.state === "announced")

  return {
    factory: {
      capabilities,
      make: Effect.fnUntraced(function* ({ onDataChannel, target }) {
        const number = made.count++
        const peer = yield* peers.at(number)
        const { state, steps } = peer
        peer.announce = onDataChannel
        for (const label of peer.announced) onDataChannel(peer.channel("remote", label).channel)
        yield* Effect.addFinalizer(() => SubscriptionRef.set(state, "closed"))
        const forgetFailure = SubscriptionRef.update(state, (before) => (before === "failed" ? "connecting" : before))
        const step = (outcome: keyof typeof steps) => Effect.flatMap(steps[outcome].next, Deferred.await)
        const transport: PeerConnectionTransport.PeerConnectionTransport = {
          target,
          capabilities,
          negotiate: ({ iceRestart = false } = {}) =>
            Effect.andThen(iceRestart && capabilities.iceRestart ? forgetFailure : Effect.void, step("negotiate")),
          negotiated: step("negotiated"),
          initialOffer: Effect.as(step("initialOffer"), { sdp: "", id: 1 }),
          pauseDeadline: Effect.void,
          repeatOffer: Effect.void,
          acceptAnswer: () => Effect.succeed(true),
          acceptOffer: () => Effect.as(step("answer"), { type: "answer", sdp: "" } as const),
          addIceCandidate: () => Effect.void,
          prepareForIceRestart: forgetFailure,
          setConfiguration: () => Effect.void,
          createDataChannel: (label) => Effect.sync(() => peer.channel("local", label).channel),
          state: SubscriptionRef.get(state),
          stateChanges: SubscriptionRef.changes(state),
          connected: awaitConnected(target, state),
          maxMessageSize: () => Infinity,
          localDescription: () => null,
          remoteDescription: () => ({ type: "offer", sdp: announces(number) ? withChannels : "" }),
          counters: Effect.succeed({ bytesSent: 0, bytesReceived: 0 }),
          roundTrip: Effect.flatMap(peer.paths.next, Deferred.await),
          media: RtcMedia.none,
          registerTrackBitrateInfo: () => Effect.void
        }
        return transport
      })
    },
    happen: Effect.fnUntraced(function* (entry) {
      switch (entry._tag) {
        case "PeerConnectionChanged": {
          const { state } = yield* peers.at(entry.peer)
          // Its end is that of its scope, which is the engine's to close.
          return yield* entry.state === "closed" ? Effect.void : SubscriptionRef.set(state, entry.state)
        }
        case "Negotiated": {
          const { steps } = yield* peers.at(entry.peer)
          return yield* Deferred.complete(yield* steps[entry.step].at(entry.call), outcomeOf(entry))
        }
        case "PathAsked": {
          const { paths } = yield* peers.at(entry.peer)
          const failure = entry.answered ? {} : { failure: "Closed" }
          return yield* Deferred.complete(yield* paths.at(entry.call), outcomeOf({ ...entry, ...failure }))
        }
        case "ChannelChanged": {
          const peer = yield* peers.at(entry.peer)
          const channel = peer.channel(entry.origin, entry.label)
          if (entry.state === "open") return channel.open()
          if (entry.state === "refused") return channel.refuse(cause)
          if (entry.state === "closed") return channel.closeByPeer()
          if (peer.announce === undefined) return peer.announced.push(entry.label)
          return peer.announce(channel.channel)
        }
      }
    })
  }
}

/** What is sent is gone at once. */
const makeChannel = (label: string): FakeDataChannel.FakeDataChannel => {
  const fake = FakeDataChannel.make(label)
  return {
    ...fake,
    channel: {
      ...fake.channel,
      send: (bytes) => {
        fake.channel.send(bytes)
        fake.drainTo(0)
      }
    }
  }
}

const cause = new Error("as recorded")

const outcomeOf = ({
  failure,
  target
}: {
  readonly failure?: string
  readonly target: PeerConnectionError.Target
}): Effect.Effect<void, PeerConnectionError.PeerConnectionError> => {
  if (failure === undefined) return Effect.void
  const reason =
    failure === "Closed"
      ? new PeerConnectionError.Closed({ target })
      : failure === "Failed"
        ? new PeerConnectionError.Failed({ target })
        : new PeerConnectionError.NegotiationFailed({ step: "awaitAnswer", cause })
  return Effect.fail(new PeerConnectionError.PeerConnectionError({ reason }))
}
