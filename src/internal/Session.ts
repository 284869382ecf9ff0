/**
 * One session at the server: its peer connections, its channels, and the signal connections that come and go below it. A full
 * reconnect closes the scope of a session and opens the next; a resume replaces only the signal connection.
 */
import { DisconnectReason, type JoinResponse, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import type { Channel } from "../DataChannel.ts"
import type * as DisconnectCause from "../DisconnectCause.ts"
import type { Evidence } from "../EngineEvent.ts"
import type { PeerConnectionError } from "../PeerConnectionError.ts"
import * as RtcConfig from "../RtcConfig.ts"
import type { ConnectionMode } from "../SignalClient.ts"
import type { SignalConnection } from "../SignalConnection.ts"
import type { SignalError } from "../SignalError.ts"
import * as SignalRequestQueue from "../SignalRequestQueue.ts"
import type { SignalPath } from "../SignalUrl.ts"
import type * as SyncState from "../SyncState.ts"
import type { EngineCore } from "./EngineCore.ts"
import * as InboundChannels from "./InboundChannels.ts"
import type { PathLiveness } from "./PathLiveness.ts"
import * as Publisher from "./Publisher.ts"
import * as ReliableAttachment from "./ReliableAttachment.ts"
import { reportDefect } from "./reportDefect.ts"
import * as RemoteTracks from "./RemoteTracks.ts"
import { resume, type Resumed } from "./resume.ts"
import * as SessionMedia from "./SessionMedia.ts"
import * as SessionPeers from "./SessionPeers.ts"
import * as SessionSignal from "./SessionSignal.ts"
import * as SignalDispatch from "./SignalDispatch.ts"
import * as trickle from "./trickle.ts"

export interface SessionOptions {
  readonly url: string
  readonly connectionMode: ConnectionMode
  readonly autoSubscribe: boolean
  readonly adaptiveStream: boolean
  readonly rtc: RtcConfig.RtcOptions
  readonly offerInJoin: boolean
  readonly application: Effect.Effect<SyncState.ApplicationState>
}

export interface Session {
  readonly url: string
  readonly path: SignalPath
  readonly join: JoinResponse
  readonly requests: SignalRequestQueue.SignalRequestQueue
  readonly lossy: Channel
  /** Whether lossy packets have a path, or one that is being opened for the first time. */
  readonly takesLossy: Effect.Effect<boolean>
  /** Completes when all that is needed is connected and open. */
  readonly ready: Effect.Effect<Evidence, PeerConnectionError>
  /** Whether the server has named relays of which its peer connection knows nothing. */
  readonly lacksRelays: boolean
  /** Starts the publisher's negotiation if nothing has yet (S124-S127). */
  readonly ensurePublisher: Effect.Effect<void>
  readonly liveness: PathLiveness
  /** Whether the runtime can take this session up again. */
  readonly resumable: boolean
  /** Takes the session up on a new signal connection. */
  readonly resume: (cause: DisconnectCause.DisconnectCause) => Effect.Effect<Resumed, SignalError | PeerConnectionError>
  /** Reports later failures to the supervisor. */
  readonly watch: Effect.Effect<void, never, Scope.Scope>
  readonly rtt: SignalConnection["rtt"]
  /** Since when what was handed over is in doubt if the session is lost now, in milliseconds. */
  readonly inDoubtSince: Effect.Effect<number>
  readonly media: SessionMedia.SessionMedia
  readonly autoSubscribe: boolean
  /** Whether the server answers when it is asked. */
  readonly probe: SignalConnection["probe"]
}

/**
 * The offer that came with the join is of a peer connection that knows no relays, and it takes some. Another offer cannot follow:
 * the server has the keys of this one.
 */
export class RelaysUnknown extends Data.TaggedError("RelaysUnknown")<{}> {}

export const open = Effect.fnUntraced(function* (
  engine: EngineCore,
  options: SessionOptions
): Effect.fn.Return<Session, SignalError | PeerConnectionError | RelaysUnknown, Scope.Scope> {
  const own = { hasLeft: false }
  const core: EngineCore = {
    ...engine,
    report: (cause) => {
      // A server answers a leave with one, which may come before the socket is closed, and is no goodbye.
      if (own.hasLeft && cause._tag === "Leave" && cause.leave.reason === goodbye.reason) return
      engine.report(cause)
    }
  }
  const { capabilities } = core.transports
  const scope = yield* Effect.scope
  const requests = yield* SignalRequestQueue.make
  const remoteTracks = RemoteTracks.make(core.emit)
  yield* Effect.addFinalizer(() => Effect.sync(remoteTracks.clear))
  const signal = yield* SessionSignal.make
  const inbound = yield* InboundChannels.make(core)
  const makePublisher = (configuration: ReturnType<typeof RtcConfig.make>) =>
    Publisher.make(core, requests, { configuration, onDataChannel: inbound.announce("publisher"), remoteTracks })

  // --- dial, with an offer where that can be had before the server's answer ---
  const earlyScope = yield* Scope.fork(scope)
  const earlyConfiguration = RtcConfig.early(options.rtc)
  const canOffer = capabilities.setConfiguration || RtcConfig.isComplete(earlyConfiguration)
  const early =
    options.offerInJoin && options.connectionMode !== "dual" && canOffer
      ? yield* makePublisher(earlyConfiguration).pipe(Scope.provide(earlyScope))
      : undefined
  const first = yield* signal.replace(
    core.signal.join({
      url: options.url,
      token: yield* Ref.get(core.token),
      connectionMode: options.connectionMode,
      autoSubscribe: options.autoSubscribe,
      adaptiveStream: options.adaptiveStream,
      publisherOffer: early === undefined ? undefined : yield* early.transport.initialOffer
    })
  )
  if (first.handshake._tag !== "Joined") return yield* Effect.die("a join was answered like a resume")
  const join = first.handshake.response
  // The server knows us from here on: whatever ends the session tells it so, before the socket closes.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      own.hasLeft = true
      requests.sendUnsafe({ case: "leave", value: goodbye })
    })
  )
  yield* requests.attach(first)
  const isSingle = first.path === "v1"
  const configuration = RtcConfig.make(join, options.rtc, options.url)
  const isEarlyUsable = early !== undefined && isSingle
  if (isEarlyUsable && !capabilities.setConfiguration) {
    if (configuration.iceTransportPolicy !== earlyConfiguration.iceTransportPolicy) return yield* new RelaysUnknown()
  }
  yield* Ref.set(core.participant, Option.fromUndefinedOr(join.participant))
  remoteTracks.learn(join.otherParticipants)
  core.emit({ _tag: "Joined", response: join })
  const gone = core.others.begin(join.otherParticipants)
  if (gone.length > 0) core.emit({ _tag: "ParticipantsUpdated", participants: gone })
  core.emit({ _tag: "SignalConnected", isResume: false })

  // --- configure: everything exists before the first message is handled (S26, S27) ---
  const publisher = isEarlyUsable
    ? early
    : yield* Effect.andThen(Scope.close(earlyScope, Exit.void), makePublisher(configuration))
  if (isEarlyUsable && capabilities.setConfiguration) yield* publisher.transport.setConfiguration(configuration)
  const subscriberTrickle = trickle.makeSender("subscriber", requests.sendUnsafe)
  const subscriber = isSingle
    ? undefined
    : yield* core.transports.make({
        target: "subscriber",
        configuration,
        onIceCandidate: subscriberTrickle.add,
        onDataChannel: inbound.announce("subscriber"),
        onTrack: (media) => remoteTracks.add("subscriber", media),
        onTrackEnded: (mid) => remoteTracks.ended("subscriber", mid)
      })
  const isSubscriberPrimary = !isSingle && join.subscriberPrimary
  const peers = yield* SessionPeers.make(core, {
    publisher,
    subscriber,
    isSubscriberPrimary,
    hasPublished: isEarlyUsable,
    inbound
  })
  yield* inbound.adopt((target) => (target === "publisher" ? publisher.transport : subscriber))
  const reliable = yield* ReliableAttachment.make(core, publisher.reliable)
  yield* reliable.attach

  const reportPublisher = (error: PeerConnectionError) =>
    Effect.sync(() => core.report({ _tag: "PeerConnectionError", target: "publisher", reason: error.reason }))
  const inBackground = (effect: Effect.Effect<void, PeerConnectionError>) =>
    effect.pipe(
      Effect.withSpan("PeerConnectionTransport.negotiate", {
        attributes: { "livekit.peer_connection.target": "publisher" }
      }),
      Effect.catch(reportPublisher),
      reportDefect(core.report),
      Effect.forkIn(scope),
      Effect.asVoid
    )
  const media = SessionMedia.make({
    publisher: publisher.transport,
    subscriber,
    remote: remoteTracks,
    serverVersion: join.serverInfo?.version ?? join.serverVersion,
    requests,
    publishTimeout: core.config.publishTimeout,
    negotiate: Effect.andThen(
      Ref.set(peers.hasPublished, true),
      Effect.suspend(() => publisher.transport.negotiate())
    ),
    inBackground
  })
  yield* Effect.addFinalizer(() => Effect.sync(media.abort))
  const flushCandidates = Effect.sync(() => {
    publisher.trickle.flush()
    subscriberTrickle.flush()
  })
  const listen = (connection: SignalConnection) =>
    signal.listen(connection, {
      message: (incoming) => reportDefect(core.report)(SignalDispatch.handle(core, media, requests, incoming)),
      end: (end) =>
        Effect.gen(function* () {
          yield* requests.detach
          media.abortSent()
          yield* publisher.transport.pauseDeadline
          core.report({ _tag: "SignalEnded", end })
        })
    })

  // --- go ---
  yield* flushCandidates
  yield* requests.open
  if (isEarlyUsable) yield* inBackground(publisher.transport.negotiated)
  else if (!isSubscriberPrimary || join.fastPublish) {
    yield* Ref.set(peers.hasPublished, true)
    yield* inBackground(publisher.transport.negotiate())
  }
  yield* listen(first)

  const publish = Effect.gen(function* () {
    if (yield* Ref.getAndSet(peers.hasPublished, true)) return
    yield* inBackground(Effect.andThen(publisher.transport.negotiate(), peers.ready))
  })

  const path = first.path
  return {
    url: options.url,
    path,
    join,
    requests,
    lossy: publisher.lossy,
    takesLossy: Effect.flatMap(publisher.transport.state, (state) =>
      state === "new" || state === "connecting" ? Effect.succeed(true) : peers.liveness.isAlive
    ),
    lacksRelays:
      isEarlyUsable &&
      !capabilities.setConfiguration &&
      RtcConfig.hasRelays(configuration) &&
      !RtcConfig.hasRelays(earlyConfiguration),
    ready: Effect.map(peers.ready, (ready) => ({ path, ...ready, answered: [] })),
    // Asked for with every packet, and nearly always a look.
    ensurePublisher: Effect.suspend(() => (Ref.getUnsafe(peers.hasPublished) ? Effect.void : publish)),
    liveness: peers.liveness,
    resumable: isSingle || capabilities.iceRestart,
    resume: (cause) =>
      resume(
        core,
        {
          options,
          path,
          join,
          peers,
          media,
          requests,
          signal,
          attach: (connection) => Effect.andThen(requests.attach(connection), flushCandidates),
          reliable,
          listen
        },
        cause
      ),
    watch: peers.watch,
    media,
    autoSubscribe: options.autoSubscribe,
    inDoubtSince: Effect.gen(function* () {
      const current = yield* signal.current
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const heardUntil = Option.isSome(current) ? Math.min(now, current.value.heardUntil()) : now
      return heardUntil - core.config.inDoubtWindow
    }),
    rtt: Effect.flatMap(signal.current, (current) => (Option.isNone(current) ? Effect.succeedNone : current.value.rtt)),
    probe: Effect.flatMap(signal.current, (current) =>
      Option.isNone(current) ? Effect.succeed(false) : current.value.probe
    )
  }
})

const goodbye = new LeaveRequest({
  reason: DisconnectReason.CLIENT_INITIATED,
  action: LeaveRequest_Action.DISCONNECT
})
