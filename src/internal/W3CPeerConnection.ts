/**
 * The peer-connection seam over a W3C `RTCPeerConnection`. The constructor comes in as a parameter: browsers have it as a
 * global, `@roamhq/wrtc` as an export.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { CreationFailed, NegotiationFailed, PeerConnectionError } from "../PeerConnectionError.ts"
import type {
  Capabilities,
  DataChannelOptions,
  IceCandidate,
  PeerConnection,
  PeerConnectionFactory,
  PeerConnectionHandlers,
  PeerConnectionState,
  RtcConfiguration,
  SessionDescription,
  TransportCounters
} from "../PeerConnectionFactory.ts"
import * as Descriptions from "./Descriptions.ts"
import { adopt, type Origin, type W3CDataChannelLike } from "./W3CDataChannel.ts"
import * as W3CMedia from "./W3CMedia.ts"
import { roundTrip } from "./W3CRoundTrip.ts"

/** What is read of an event of a peer connection. */
export interface W3CPeerConnectionEvent extends W3CMedia.W3CTrackEvent {
  readonly candidate?: IceCandidate | null
  readonly channel?: W3CDataChannelLike
}

/** As in the W3C dictionary, whose arrays are not readonly. */
export interface W3CConfiguration {
  iceServers: Array<{ urls: Array<string>; username?: string; credential?: string }>
  iceTransportPolicy: RtcConfiguration["iceTransportPolicy"]
}

/** The part of the W3C `RTCPeerConnection` that is used; satisfied by browsers and `@roamhq/wrtc`. */
export interface W3CPeerConnectionLike extends W3CMedia.W3CMediaLike {
  readonly connectionState: PeerConnectionState
  createOffer(options: { iceRestart: boolean }): Promise<W3CCreatedDescription>
  createAnswer(): Promise<W3CCreatedDescription>
  setLocalDescription(description: SessionDescription): Promise<void>
  setRemoteDescription(description: SessionDescription): Promise<void>
  addIceCandidate(candidate: IceCandidate): Promise<void>
  setConfiguration(configuration: W3CConfiguration): void
  createDataChannel(label: string, options: { ordered: boolean; maxRetransmits?: number }): W3CDataChannelLike
  close(): void
  addEventListener(
    type: "icecandidate" | "connectionstatechange" | "datachannel" | "track",
    listener: (event: W3CPeerConnectionEvent) => void
  ): void
}

interface W3CCreatedDescription {
  readonly sdp?: string
}

interface W3CRuntime extends Origin {
  readonly Constructor: W3CConstructor
}

export type W3CConstructor = new (configuration: W3CConfiguration) => W3CPeerConnectionLike

/** What every W3C runtime can do. */
export const capabilities: Capabilities = {
  iceRestart: true,
  setConfiguration: true,
  stats: true,
  media: "tracks",
  simulcast: true
}

const failure = (step: NegotiationFailed["step"]) => (cause: unknown) =>
  new PeerConnectionError({ reason: new NegotiationFailed({ step, cause }) })

const closed = () => new Error("the peer connection was closed")

const now = <A>(step: NegotiationFailed["step"], evaluate: () => A) =>
  Effect.try({ try: evaluate, catch: failure(step) })

const make = Effect.fnUntraced(function* (
  { Constructor, handedOver }: W3CRuntime,
  configuration: RtcConfiguration,
  handlers: PeerConnectionHandlers
): Effect.fn.Return<PeerConnection, PeerConnectionError, Scope.Scope> {
  const fork = yield* FiberSet.makeRuntime()
  const lifetime = { isOver: false }
  /** What is under way. Of that a browser says nothing more once a peer connection is closed, and some of it is waited for. */
  const pending = new Set<(cause: Error) => void>()
  const later = <A>(step: NegotiationFailed["step"], evaluate: () => Promise<A>) =>
    Effect.callback<A, PeerConnectionError>((resume) => {
      const settle = (outcome: Effect.Effect<A, PeerConnectionError>) => {
        pending.delete(fail)
        resume(outcome)
      }
      const fail = (cause: unknown) => settle(Effect.fail(failure(step)(cause)))
      if (lifetime.isOver) return fail(closed())
      pending.add(fail)
      try {
        evaluate().then((value) => settle(Effect.succeed(value)), fail)
      } catch (cause) {
        fail(cause)
      }
      return Effect.sync(() => void pending.delete(fail))
    })
  const peer = yield* Effect.acquireRelease(
    Effect.try({
      try: () => new Constructor(toW3C(configuration)),
      catch: (cause) => new PeerConnectionError({ reason: new CreationFailed({ cause }) })
    }),
    // Events that are under way when a peer connection is closed still come; they are told to nobody.
    (peer) =>
      Effect.sync(() => {
        lifetime.isOver = true
        peer.close()
        for (const fail of pending) fail(closed())
      })
  )
  const owner = { isOver: () => lifetime.isOver, fork: (effect: Effect.Effect<void>) => void fork(effect) }
  peer.addEventListener("icecandidate", ({ candidate }) => {
    // Null and the empty string are the end of candidates.
    if (lifetime.isOver || candidate == null || candidate.candidate === "") return
    handlers.onIceCandidate({
      candidate: candidate.candidate,
      sdpMid: candidate.sdpMid,
      sdpMLineIndex: candidate.sdpMLineIndex
    })
  })
  peer.addEventListener("connectionstatechange", () => {
    if (!lifetime.isOver) handlers.onConnectionStateChange(peer.connectionState)
  })
  peer.addEventListener("datachannel", ({ channel }) => {
    if (!lifetime.isOver && channel !== undefined) handlers.onDataChannel(adopt(channel, owner, { handedOver }))
  })
  peer.addEventListener("track", (event) => {
    const arrived = W3CMedia.trackEvent(peer, event)
    if (!lifetime.isOver && arrived !== undefined) handlers.onTrack?.(arrived)
  })
  const media = W3CMedia.make(peer)
  const counters = { last: nothing }
  const set = { descriptions: Descriptions.none }
  const note = (side: keyof Descriptions.Descriptions, description: SessionDescription) => () => {
    set.descriptions = Descriptions.set(set.descriptions, side, description)
  }

  return {
    createOffer: ({ iceRestart }) =>
      Effect.map(
        later("createOffer", () => peer.createOffer({ iceRestart })),
        ({ sdp = "" }): SessionDescription => ({ type: "offer", sdp: media.describe(sdp) })
      ),
    createAnswer: Effect.map(
      later("createAnswer", () => peer.createAnswer()),
      ({ sdp = "" }): SessionDescription => ({ type: "answer", sdp })
    ),
    setLocalDescription: (description) =>
      later("setLocalDescription", () => {
        const { sdp, type } = description
        const native = type === "offer" ? { type, sdp: media.toNative(sdp) } : description
        return peer.setLocalDescription(native).then(note("local", description))
      }),
    setRemoteDescription: (description) =>
      later("setRemoteDescription", () => peer.setRemoteDescription(description).then(note("remote", description))),
    addIceCandidate: (candidate) => later("addIceCandidate", () => peer.addIceCandidate(candidate)),
    setConfiguration: (next) => now("setConfiguration", () => peer.setConfiguration(toW3C(next))),
    createDataChannel: (label, options) =>
      now("createDataChannel", () => adopt(peer.createDataChannel(label, toInit(options)), owner)),
    localDescription: () => Descriptions.inForce(set.descriptions.local),
    remoteDescription: () => Descriptions.inForce(set.descriptions.remote),
    connectionState: () => (lifetime.isOver ? "closed" : peer.connectionState),
    // A closed peer connection counts no further, and some runtimes refuse to be asked.
    counters: Effect.promise(() =>
      peer.getStats().then(
        (report) => (counters.last = count(report)),
        () => counters.last
      )
    ),
    roundTrip: roundTrip(peer),
    media
  }
})

const toW3C = ({ iceServers, iceTransportPolicy }: RtcConfiguration): W3CConfiguration => ({
  iceTransportPolicy,
  iceServers: iceServers.map(({ credential, urls, username }) => ({
    urls: [...urls],
    ...(username === undefined ? {} : { username }),
    ...(credential === undefined ? {} : { credential })
  }))
})

const toInit = ({ maxRetransmits, ordered }: DataChannelOptions) => ({
  ordered,
  ...(maxRetransmits === undefined ? {} : { maxRetransmits })
})

const nothing: TransportCounters = { bytesSent: 0, bytesReceived: 0 }

/** Bytes of the transports; of the candidate pairs where the runtime has no transports in its report, as Firefox. */
const count = (report: { forEach(each: (stats: object) => void): void }): TransportCounters => {
  const sums: Record<string, { bytesSent: number; bytesReceived: number }> = {}
  report.forEach((entry) => {
    const bytes = (key: string) => {
      const value: unknown = Predicate.hasProperty(entry, key) ? entry[key] : 0
      return typeof value === "number" ? value : 0
    }
    const sum = (sums[Predicate.hasProperty(entry, "type") ? String(entry.type) : ""] ??= {
      bytesSent: 0,
      bytesReceived: 0
    })
    sum.bytesSent += bytes("bytesSent")
    sum.bytesReceived += bytes("bytesReceived")
  })
  return sums["transport"] ?? sums["candidate-pair"] ?? nothing
}

/** A factory of peer connections of a W3C runtime. */
export const factory = (Constructor: W3CConstructor, origin: Origin = {}): PeerConnectionFactory["Service"] => ({
  capabilities,
  make: (configuration, handlers) => make({ Constructor, ...origin }, configuration, handlers)
})
