/**
 * A peer connection without a network. It keeps to the state machine of RFC 8829 and refuses what real runtimes refuse; like
 * them, it finishes what it has begun when its caller is interrupted.
 */
import { Deferred, Effect, Layer } from "effect"
import { PeerConnectionError, PeerConnectionFactory, RtcMedia } from "effect-livekit"
import * as FakeDataChannel from "./FakeDataChannel.ts"

type Step = PeerConnectionError.NegotiationFailed["step"]
type Description = PeerConnectionFactory.SessionDescription

export interface FakePeerConnection {
  readonly handlers: PeerConnectionFactory.PeerConnectionHandlers
  /** What was done, in order: `createOffer`, `setLocal offer 1`, `candidate a`... */
  readonly log: ReadonlyArray<string>
  /** Operations of an offer/answer exchange that overlapped. */
  readonly faults: ReadonlyArray<string>
  /** How many offers were begun to be made; `offer 3` is the third. */
  readonly offersBegun: () => number
  readonly channels: ReadonlyMap<
    string,
    { readonly fake: FakeDataChannel.FakeDataChannel; readonly options: PeerConnectionFactory.DataChannelOptions }
  >
  readonly configurations: ReadonlyArray<PeerConnectionFactory.RtcConfiguration>
  /** Makes the next operation of this kind fail. */
  readonly failNext: (step: Step) => void
  /** Makes every operation of this kind take so many milliseconds. */
  readonly slow: (step: Step, millis: number) => void
  readonly isClosed: () => boolean
}

export interface Runtime {
  readonly layer: Layer.Layer<PeerConnectionFactory.PeerConnectionFactory>
  readonly peers: ReadonlyArray<FakePeerConnection>
  readonly failToCreate: () => void
}

const exchange: ReadonlySet<Step> = new Set([
  "createOffer",
  "createAnswer",
  "setLocalDescription",
  "setRemoteDescription"
])

const browser: PeerConnectionFactory.Capabilities = {
  iceRestart: true,
  setConfiguration: true,
  stats: false,
  media: "none",
  simulcast: false
}

export const runtime = (capabilities: Partial<PeerConnectionFactory.Capabilities> = {}): Runtime => {
  const peers: Array<FakePeerConnection> = []
  let isFailing = false
  return {
    peers,
    failToCreate: () => {
      isFailing = true
    },
    layer: Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, {
      capabilities: { ...browser, ...capabilities },
      make: (configuration, handlers) =>
        Effect.acquireRelease(
          Effect.suspend(() => {
            if (isFailing) {
              const reason = new PeerConnectionError.CreationFailed({ cause: "no WebRTC here" })
              return Effect.fail(new PeerConnectionError.PeerConnectionError({ reason }))
            }
            const { close, fake, peer } = make(configuration, handlers)
            peers.push(fake)
            return Effect.succeed({ close, peer })
          }),
          ({ close }) => Effect.sync(close)
        ).pipe(Effect.map(({ peer }) => peer))
    })
  }
}

const make = (
  configuration: PeerConnectionFactory.RtcConfiguration,
  handlers: PeerConnectionFactory.PeerConnectionHandlers
) => {
  const log: Array<string> = []
  const faults: Array<string> = []
  const channels = new Map<
    string,
    { readonly fake: FakeDataChannel.FakeDataChannel; readonly options: PeerConnectionFactory.DataChannelOptions }
  >()
  const configurations = [configuration]
  const failing = new Set<Step>()
  const millis = new Map<Step, number>()
  let signaling: "stable" | "have-local-offer" | "have-remote-offer" = "stable"
  let local: Description | null = null
  let remote: Description | null = null
  let offers = 0
  let answers = 0
  let running: Step | undefined
  let isClosed = false

  const failed = (step: Step, cause: unknown) =>
    new PeerConnectionError.PeerConnectionError({ reason: new PeerConnectionError.NegotiationFailed({ step, cause }) })

  const operation = <A>(step: Step, run: () => A) =>
    Effect.gen(function* () {
      const isExchange = exchange.has(step)
      if (isExchange && running !== undefined) faults.push(`${step} during ${running}`)
      if (isExchange) running = step
      const done = yield* Deferred.make<A, PeerConnectionError.PeerConnectionError>()
      const finish = Effect.suspend(() => {
        if (isExchange) running = undefined
        if (isClosed) return Deferred.fail(done, failed(step, "closed"))
        if (failing.delete(step)) return Deferred.fail(done, failed(step, "as told"))
        return Deferred.completeWith(done, Effect.try({ try: run, catch: (cause) => failed(step, cause) }))
      })
      const duration = millis.get(step) ?? 0
      if (duration === 0) yield* finish
      else yield* Effect.forkDetach(Effect.andThen(Effect.sleep(duration), finish))
      return yield* Deferred.await(done)
    })

  const setLocal = (next: Description) => {
    const isAllowed = next.type === "offer" ? signaling !== "have-remote-offer" : signaling === "have-remote-offer"
    if (!isAllowed) throw new Error(`setLocal ${next.type} in ${signaling}`)
    local = next
    log.push(`setLocal ${next.sdp}`)
    if (next.type === "offer") signaling = "have-local-offer"
    else signaling = "stable"
  }

  const setRemote = (next: Description) => {
    const isAllowed = next.type === "offer" ? signaling !== "have-local-offer" : signaling === "have-local-offer"
    if (!isAllowed) throw new Error(`setRemote ${next.type} in ${signaling}`)
    remote = next
    log.push(`setRemote ${next.sdp}`)
    if (next.type === "offer") signaling = "have-remote-offer"
    else signaling = "stable"
  }

  const peer: PeerConnectionFactory.PeerConnection = {
    createOffer: ({ iceRestart }) =>
      Effect.suspend(() => {
        const sdp = `offer ${++offers}${iceRestart ? " restart" : ""}`
        return operation("createOffer", () => {
          log.push(`create ${sdp}`)
          return { type: "offer", sdp } satisfies Description
        })
      }),
    createAnswer: operation("createAnswer", () => {
      if (signaling !== "have-remote-offer") throw new Error(`createAnswer in ${signaling}`)
      return { type: "answer", sdp: `answer ${++answers}` } satisfies Description
    }),
    setLocalDescription: (next) => operation("setLocalDescription", () => setLocal(next)),
    setRemoteDescription: (next) => operation("setRemoteDescription", () => setRemote(next)),
    addIceCandidate: ({ candidate }) =>
      operation("addIceCandidate", () => {
        if (remote === null) throw new Error("no remote description")
        log.push(`candidate ${candidate}`)
      }),
    setConfiguration: (next) => operation("setConfiguration", () => void configurations.push(next)),
    createDataChannel: (label, options) =>
      operation("createDataChannel", () => {
        const fake = FakeDataChannel.make(label)
        channels.set(label, { fake, options })
        return fake.channel
      }),
    localDescription: () => local,
    remoteDescription: () => remote,
    connectionState: () => "new",
    media: RtcMedia.none,
    counters: Effect.succeed({ bytesSent: 0, bytesReceived: 0 }),
    roundTrip: Effect.void
  }

  const fake: FakePeerConnection = {
    handlers,
    log,
    faults,
    offersBegun: () => offers,
    channels,
    configurations,
    failNext: (step) => void failing.add(step),
    slow: (step, duration) => void millis.set(step, duration),
    isClosed: () => isClosed
  }
  const close = () => {
    isClosed = true
    log.push("close")
  }
  return { peer, fake, close }
}
