/**
 * One session at the server: its peer connections, its channels, and the signal connections that come and go below it. A full
 * reconnect closes the scope of a session and opens the next; a resume replaces only the signal connection.
 */
import { DisconnectReason, type JoinResponse, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Channel, labels } from "../DataChannel.ts"
import * as DisconnectCause from "../DisconnectCause.ts"
import type { Evidence } from "../EngineEvent.ts"
import { IceTimeout, PeerConnectionError, type Target } from "../PeerConnectionError.ts"
import type { RtcDataChannel } from "../PeerConnectionFactory.ts"
import { ChannelClosed } from "../DataChannelError.ts"
import type { PeerConnectionTransport } from "../PeerConnectionTransport.ts"
import * as RtcConfig from "../RtcConfig.ts"
import type { ConnectionMode } from "../SignalClient.ts"
import type { SignalConnection } from "../SignalConnection.ts"
import type { SignalError } from "../SignalError.ts"
import * as SignalRequestQueue from "../SignalRequestQueue.ts"
import type { SignalPath } from "../SignalUrl.ts"
import * as SyncState from "../SyncState.ts"
import type { EngineCore } from "./EngineCore.ts"
import * as Publisher from "./Publisher.ts"
import * as RemoteTracks from "./RemoteTracks.ts"
import * as SessionMedia from "./SessionMedia.ts"
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
  /** Completes when all that is needed is connected and open. */
  readonly ready: Effect.Effect<Evidence, PeerConnectionError>
  /** Starts the publisher's negotiation if nothing has yet (S124-S127). */
  readonly ensurePublisher: Effect.Effect<void>
  /** Whether the peer connections that are needed are up. */
  readonly pathAlive: Effect.Effect<boolean>
  /** Whether the runtime can take this session up again. */
  readonly resumable: boolean
  /** Takes the session up on a new signal connection; how many packets were replayed. */
  readonly resume: (
    cause: DisconnectCause.DisconnectCause
  ) => Effect.Effect<{ readonly evidence: Evidence; readonly replayed: number }, SignalError | PeerConnectionError>
  /** Reports later failures to the supervisor. */
  readonly watch: Effect.Effect<void, never, Scope.Scope>
  readonly rtt: SignalConnection["rtt"]
  readonly media: SessionMedia.SessionMedia
  readonly autoSubscribe: boolean
}

interface RemoteChannel {
  readonly target: Target
  readonly channel: RtcDataChannel
}

export const open = Effect.fnUntraced(function* (
  core: EngineCore,
  options: SessionOptions
): Effect.fn.Return<Session, SignalError | PeerConnectionError, Scope.Scope> {
  const { config } = core
  const { capabilities } = core.transports
  const scope = yield* Effect.scope
  const requests = yield* SignalRequestQueue.make
  const remoteTracks = RemoteTracks.make(core.emit)
  yield* Effect.addFinalizer(() => Effect.sync(remoteTracks.clear))
  const remoteChannels = yield* Queue.unbounded<RemoteChannel>()
  const onDataChannel = (target: Target) => (channel: RtcDataChannel) =>
    void Queue.offerUnsafe(remoteChannels, { target, channel })
  const makePublisher = (configuration: ReturnType<typeof RtcConfig.make>) =>
    Publisher.make(core, requests, { configuration, onDataChannel: onDataChannel("publisher"), remoteTracks })

  // --- dial, with an offer where that can be had before the server's answer ---
  const earlyScope = yield* Scope.fork(scope)
  const early =
    options.offerInJoin && options.connectionMode !== "dual"
      ? yield* makePublisher(RtcConfig.early(options.rtc)).pipe(Scope.provide(earlyScope))
      : undefined
  const publisherOffer = early === undefined ? undefined : yield* early.transport.initialOffer
  const signalScope = yield* Ref.make(yield* Scope.fork(scope))
  const first = yield* core.signal
    .join({
      url: options.url,
      token: yield* Ref.get(core.token),
      connectionMode: options.connectionMode,
      autoSubscribe: options.autoSubscribe,
      adaptiveStream: options.adaptiveStream,
      publisherOffer
    })
    .pipe(Scope.provide(yield* Ref.get(signalScope)))
  const connection = yield* Ref.make(first)
  if (first.handshake._tag !== "Joined") return yield* Effect.die("a join was answered like a resume")
  const join = first.handshake.response
  // The server knows us from here on: whatever ends the session tells it so, before the socket closes.
  yield* Effect.addFinalizer(() => Effect.sync(() => requests.sendUnsafe({ case: "leave", value: goodbye })))
  yield* requests.attach(first)
  yield* Ref.set(core.participant, Option.fromUndefinedOr(join.participant))
  remoteTracks.learn(join.otherParticipants)
  core.emit({ _tag: "Joined", response: join })
  core.emit({ _tag: "SignalConnected", isResume: false })

  // --- configure: everything exists before the first message is handled (S26, S27) ---
  const isSingle = first.path === "v1"
  const configuration = RtcConfig.make(join, options.rtc, options.url)
  const isEarlyUsable =
    early !== undefined && isSingle && (capabilities.setConfiguration || configuration.iceTransportPolicy === "all")
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
        onDataChannel: onDataChannel("subscriber"),
        onTrack: (media) => remoteTracks.add("subscriber", media),
        onTrackEnded: (mid) => remoteTracks.ended("subscriber", mid)
      })
  const isSubscriberPrimary = subscriber !== undefined && join.subscriberPrimary
  const primary = isSubscriberPrimary ? subscriber : publisher.transport
  const hasPublished = yield* Ref.make(isEarlyUsable)
  const adopted = yield* Ref.make<ReadonlyArray<{ readonly target: Target; readonly channel: Channel }>>([])
  const adopt = Effect.gen(function* () {
    const { channel, target } = yield* Queue.take(remoteChannels)
    const kind = channel.label === labels.reliable ? "reliable" : channel.label === labels.lossy ? "lossy" : undefined
    const transport = target === "publisher" ? publisher.transport : subscriber
    if (kind === undefined || transport === undefined) return
    const next = yield* core.channels.adopt(transport, channel, {
      kind,
      onMessage: (bytes) => core.receive(kind, bytes)
    })
    yield* Ref.update(adopted, (all) => [...all, { target, channel: next }])
  })
  yield* Effect.forkScoped(Effect.forever(adopt))
  core.sender.attach(publisher.reliable)
  yield* Effect.addFinalizer(() => Effect.sync(core.sender.detach))

  const reportPublisher = (error: PeerConnectionError) =>
    Effect.sync(() => core.report({ _tag: "PeerConnectionError", target: "publisher", reason: error.reason }))
  const inBackground = (effect: Effect.Effect<void, PeerConnectionError>) =>
    effect.pipe(Effect.catch(reportPublisher), Effect.forkIn(scope), Effect.asVoid)

  const media = SessionMedia.make({
    publisher: publisher.transport,
    subscriber,
    remote: remoteTracks,
    requests,
    publishTimeout: config.publishTimeout,
    negotiate: Effect.andThen(
      Ref.set(hasPublished, true),
      Effect.suspend(() => publisher.transport.negotiate())
    ),
    inBackground
  })
  yield* Effect.addFinalizer(() => Effect.sync(media.abort))

  const dispatch = (current: SignalConnection) =>
    Queue.take(current.incoming).pipe(
      Effect.flatMap((incoming) => SignalDispatch.handle(core, media, requests, incoming)),
      Effect.forever,
      Effect.catchTag("Done", () =>
        Effect.gen(function* () {
          yield* requests.detach
          media.abort()
          yield* publisher.transport.pauseDeadline
          core.report({ _tag: "SignalEnded", end: yield* current.end })
        })
      )
    )
  const attach = (current: SignalConnection) =>
    Effect.gen(function* () {
      yield* requests.attach(current)
      publisher.trickle.flush()
      subscriberTrickle.flush()
    })

  const needed = Effect.map(Ref.get(hasPublished), (published) =>
    published && primary !== publisher.transport ? [primary, publisher.transport] : [primary]
  )
  const ready = Effect.gen(function* () {
    const transports = yield* needed
    yield* Effect.forEach(transports, (transport) => transport.connected, { concurrency: "unbounded", discard: true })
    const isPublishing = transports.includes(publisher.transport)
    const channels = isPublishing ? [publisher.reliable, publisher.lossy] : []
    yield* Effect.forEach(channels, ({ opened }) => opened, { concurrency: "unbounded", discard: true }).pipe(
      Effect.mapError(() => new PeerConnectionError({ reason: new IceTimeout({ target: "publisher", millis: 0 }) }))
    )
    return {
      path: first.path,
      connected: transports.map(({ target }) => target),
      open: channels.map(({ label }) => label)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: config.peerConnectionTimeout,
      orElse: () =>
        Effect.fail(
          new PeerConnectionError({
            reason: new IceTimeout({ target: primary.target, millis: config.peerConnectionTimeout })
          })
        )
    })
  )

  const ensurePublisher = Effect.gen(function* () {
    if (yield* Ref.getAndSet(hasPublished, true)) return
    yield* inBackground(Effect.andThen(publisher.transport.negotiate(), ready))
  })

  const syncState = Effect.gen(function* () {
    const source = subscriber ?? publisher.transport
    const local = source.localDescription()
    const remote = source.remoteDescription()
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    return SyncState.make({
      application: SyncState.merge(yield* options.application, {
        subscription: core.subscriptions.exceptions(options.autoSubscribe),
        publishTracks: media.published(),
        trackSidsDisabled: core.subscriptions.disabled()
      }),
      offer: isSingle ? local : remote,
      answer: isSingle ? remote : local,
      channels: [
        ...[publisher.reliable, publisher.lossy].map((channel) => ({ target: "publisher" as const, channel })),
        ...(yield* Ref.get(adopted))
      ].map(({ channel, target }) => ({ label: channel.label, id: channel.id(), target })),
      received: core.received.entries(now)
    })
  })

  const resume = Effect.fn("Session.resume")(function* (cause: DisconnectCause.DisconnectCause) {
    yield* requests.detach
    media.abort()
    yield* Scope.close(yield* Ref.get(signalScope), Exit.void)
    const nextScope = yield* Scope.fork(scope)
    yield* Ref.set(signalScope, nextScope)
    if (capabilities.iceRestart && subscriber !== undefined) yield* subscriber.prepareForIceRestart
    const before = yield* Ref.get(connection)
    const current = yield* core.signal
      .resume({
        url: options.url,
        token: yield* Ref.get(core.token),
        path: first.path,
        participantSid: Option.match(yield* Ref.get(core.participant), { onNone: () => "", onSome: ({ sid }) => sid }),
        reason: DisconnectCause.reconnectReason(cause),
        ping: before.ping,
        autoSubscribe: options.autoSubscribe,
        adaptiveStream: options.adaptiveStream
      })
      .pipe(Scope.provide(nextScope))
    yield* Ref.set(connection, current)
    const response = current.handshake._tag === "Resumed" ? current.handshake.response : undefined
    if (response !== undefined && capabilities.setConfiguration) {
      const next = RtcConfig.make(response, options.rtc, options.url)
      if (subscriber !== undefined) yield* subscriber.setConfiguration(next)
      yield* publisher.transport.setConfiguration(next)
    }
    yield* attach(current)
    core.emit({ _tag: "SignalConnected", isResume: true })
    yield* requests.send({ case: "syncState", value: yield* syncState })
    yield* Effect.forkIn(dispatch(current), nextScope)
    if (yield* Ref.get(hasPublished)) {
      if (capabilities.iceRestart) yield* publisher.transport.negotiate({ iceRestart: true })
      else yield* publisher.transport.repeatOffer
    }
    const evidence = yield* ready
    // A server that did not say what it has gets nothing twice (S96); 0 means it has nothing (V13).
    const replayed = response === undefined ? 0 : core.sender.replay(response.lastMessageSeq)
    yield* requests.open
    return { evidence, replayed }
  })

  const watchPeer = (transport: PeerConnectionTransport) =>
    transport.stateChanges.pipe(
      Stream.filter((state) => state === "failed"),
      Stream.runForEach(() =>
        Effect.sync(() => core.report({ _tag: "PeerConnectionFailed", target: transport.target }))
      ),
      Effect.forkScoped
    )
  const watchChannel = (channel: Channel) =>
    channel.closed.pipe(
      Effect.andThen(
        Effect.sync(() => core.report({ _tag: "ChannelLost", reason: new ChannelClosed({ label: channel.label }) }))
      ),
      Effect.forkScoped
    )

  // --- go ---
  publisher.trickle.flush()
  subscriberTrickle.flush()
  yield* requests.open
  if (isEarlyUsable) yield* inBackground(publisher.transport.negotiated)
  else if (!isSubscriberPrimary || join.fastPublish) {
    yield* Ref.set(hasPublished, true)
    yield* inBackground(publisher.transport.negotiate())
  }
  yield* Effect.forkIn(dispatch(first), yield* Ref.get(signalScope))

  return {
    url: options.url,
    path: first.path,
    join,
    requests,
    lossy: publisher.lossy,
    ready,
    ensurePublisher,
    pathAlive: Effect.flatMap(needed, (transports) =>
      Effect.map(
        Effect.forEach(transports, ({ state }) => state),
        (states) => states.every((state) => state === "connected")
      )
    ),
    resumable: isSingle || capabilities.iceRestart,
    resume,
    watch: Effect.gen(function* () {
      yield* watchPeer(publisher.transport)
      if (subscriber !== undefined) yield* watchPeer(subscriber)
      yield* watchChannel(publisher.reliable)
      yield* watchChannel(publisher.lossy)
    }),
    rtt: Effect.flatMap(Ref.get(connection), ({ rtt }) => rtt),
    media,
    autoSubscribe: options.autoSubscribe
  }
})

const goodbye = new LeaveRequest({
  reason: DisconnectReason.CLIENT_INITIATED,
  action: LeaveRequest_Action.DISCONNECT
})
