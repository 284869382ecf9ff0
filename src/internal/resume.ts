/**
 * Taking a session up on a new signal connection, in the order of S94-S105.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { JoinResponse } from "@livekit/protocol"
import * as DisconnectCause from "../DisconnectCause.ts"
import type { Evidence } from "../EngineEvent.ts"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import * as RtcConfig from "../RtcConfig.ts"
import type { SignalConnection } from "../SignalConnection.ts"
import type { SignalError } from "../SignalError.ts"
import type { SignalRequestQueue } from "../SignalRequestQueue.ts"
import type { SignalPath } from "../SignalUrl.ts"
import * as SyncState from "../SyncState.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { ReliableAttachment } from "./ReliableAttachment.ts"
import type { SessionOptions } from "./Session.ts"
import type { SessionMedia } from "./SessionMedia.ts"
import type { SessionPeers } from "./SessionPeers.ts"
import type { SessionSignal } from "./SessionSignal.ts"

export interface Resumed {
  readonly evidence: Evidence
  /** Reliable packets that were written again. */
  readonly replayed: number
}

export const resume = Effect.fn("Session.resume")(function* (
  core: EngineCore,
  session: {
    readonly options: SessionOptions
    readonly path: SignalPath
    readonly join: JoinResponse
    readonly peers: SessionPeers
    readonly media: SessionMedia
    readonly requests: SignalRequestQueue
    readonly signal: SessionSignal
    /** Uses a connection for requests, candidates that waited first. */
    readonly attach: (connection: SignalConnection) => Effect.Effect<void>
    readonly reliable: ReliableAttachment
    readonly listen: (connection: SignalConnection) => Effect.Effect<void>
  },
  cause: DisconnectCause.DisconnectCause
): Effect.fn.Return<Resumed, SignalError | PeerConnectionError> {
  const { join, options, path, peers, requests, signal } = session
  const { capabilities } = core.transports
  const { publisher, subscriber } = peers

  // --- the signal ---
  yield* requests.detach
  session.media.abortSent()
  if (capabilities.iceRestart && subscriber !== undefined) yield* subscriber.prepareForIceRestart
  const before = yield* signal.current
  const current = yield* signal.replace(
    core.signal.resume({
      url: options.url,
      token: yield* Ref.get(core.token),
      path,
      participantSid: Option.match(yield* Ref.get(core.participant), { onNone: () => "", onSome: ({ sid }) => sid }),
      reason: DisconnectCause.reconnectReason(cause),
      ping: Option.match(before, {
        onNone: () => ({ interval: join.pingInterval, timeout: join.pingTimeout }),
        onSome: ({ ping }) => ping
      }),
      autoSubscribe: options.autoSubscribe,
      adaptiveStream: options.adaptiveStream
    })
  )
  const response = current.handshake._tag === "Resumed" ? current.handshake.response : undefined
  // On another node something may be missing that was sent before what is sent now, and a server drops what comes after a later
  // sequence: there what is new waits for the replay. On the same node nothing is lost, and nothing has to wait.
  const hasMoved = response !== undefined && response.serverInfo?.nodeId !== join.serverInfo?.nodeId
  if (hasMoved) yield* session.reliable.detach
  if (response !== undefined && capabilities.setConfiguration) {
    const next = RtcConfig.make(response, options.rtc, options.url)
    if (subscriber !== undefined) yield* subscriber.setConfiguration(next)
    yield* publisher.transport.setConfiguration(next)
  }
  yield* session.attach(current)
  core.emit({ _tag: "SignalConnected", isResume: true })
  yield* requests.send({ case: "syncState", value: yield* syncState(core, session) })
  yield* session.listen(current)

  // --- the media path ---
  if (yield* Ref.get(peers.hasPublished)) {
    if (capabilities.iceRestart) {
      yield* publisher.transport.negotiate({ iceRestart: true }).pipe(
        Effect.withSpan("PeerConnectionTransport.negotiate", {
          attributes: { "livekit.negotiation.ice_restart": true }
        })
      )
    } else yield* publisher.transport.repeatOffer
  }
  const ready = yield* peers.ready
  const answered = yield* peers.liveness.prove

  // --- the data ---
  // A server that did not say what it has gets nothing twice (S96); 0 means it has nothing (V13).
  const replayed = response === undefined ? 0 : yield* replay(core, response.lastMessageSeq)
  yield* session.reliable.attach
  yield* requests.open
  return { evidence: { path, ...ready, answered }, replayed }
})

const replay = Effect.fn("Session.replay")(function* (core: EngineCore, lastMessageSeq: number) {
  const count = core.sender.replay(lastMessageSeq)
  yield* Effect.annotateCurrentSpan({ "livekit.data.replayed": count })
  return count
})

const syncState = Effect.fnUntraced(function* (
  core: EngineCore,
  {
    media,
    options,
    peers
  }: { readonly media: SessionMedia; readonly options: SessionOptions; readonly peers: SessionPeers }
) {
  const { inbound, publisher, subscriber } = peers
  const source = subscriber ?? publisher.transport
  const isSingle = subscriber === undefined
  const local = source.localDescription()
  const remote = source.remoteDescription()
  const own = [publisher.reliable, publisher.lossy].map((channel) => ({ target: "publisher" as const, channel }))
  return SyncState.make({
    application: SyncState.merge(yield* options.application, {
      subscription: core.subscriptions.exceptions(options.autoSubscribe),
      publishTracks: media.published(),
      trackSidsDisabled: core.subscriptions.disabled()
    }),
    offer: isSingle ? local : remote,
    answer: isSingle ? remote : local,
    channels: [...own, ...(yield* inbound.all)].map(({ channel, target }) => ({
      label: channel.label,
      id: channel.id(),
      target
    })),
    received: core.received.entries(yield* Effect.clockWith((clock) => clock.currentTimeMillis))
  })
})
