/**
 * The peer-connection seam over the native API of `node-datachannel` (libdatachannel).
 *
 * What it cannot do is declared: no ICE restart, no replacement of ICE servers; media is raw RTP, and statistics are of that.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { DataChannel, IceServer as NativeIceServer } from "node-datachannel"
import native from "node-datachannel"
import { CreationFailed, NegotiationFailed, PeerConnectionError, Unsupported } from "../PeerConnectionError.ts"
import {
  type Capabilities,
  type DataChannelOptions,
  type IceCandidate,
  type IceServer,
  type PeerConnection,
  PeerConnectionFactory,
  type PeerConnectionHandlers,
  type PeerConnectionState,
  type RtcConfiguration,
  type SessionDescription
} from "../PeerConnectionFactory.ts"
import { probeLabel } from "../internal/probeLabel.ts"
import { collectSoon } from "./collect.ts"
import * as NodeMedia from "./NodeMedia.ts"
import { adopt, type NodeRtcDataChannel, watchEnd } from "./NodeRtcDataChannel.ts"
import { turns } from "./turns.ts"
import * as roundTrip from "./roundTrip.ts"

/**
 * What node-datachannel can do.
 *
 * @category constants
 */
export const capabilities: Capabilities = {
  iceRestart: false,
  setConfiguration: false,
  stats: true,
  media: "rtp",
  simulcast: false
}

/** Milliseconds that a far end has to tell a candidate of its own before it is told ours. */
const patience = 100

const states: Readonly<Record<string, PeerConnectionState>> = {
  new: "new",
  connecting: "connecting",
  connected: "connected",
  disconnected: "disconnected",
  failed: "failed",
  closed: "closed"
}

const step = <A>(name: NegotiationFailed["step"], evaluate: () => A) =>
  Effect.try({
    try: evaluate,
    catch: (cause) => new PeerConnectionError({ reason: new NegotiationFailed({ step: name, cause }) })
  })

const make = Effect.fnUntraced(function* (
  configuration: RtcConfiguration,
  handlers: PeerConnectionHandlers
): Effect.fn.Return<PeerConnection, PeerConnectionError, Scope.Scope> {
  const fork = yield* FiberSet.makeRuntime()
  const lifetime = { hasBegun: false, isOver: false }
  /** As they were made and given; libdatachannel has others where there is media. */
  const descriptions = { local: null as SessionDescription | null, remote: null as SessionDescription | null }
  const self = { media: undefined as NodeMedia.NodeMedia | undefined }
  const random = yield* Random.Random
  const clock = yield* Clock.Clock
  const own = new Set<NodeRtcDataChannel>()
  const peer = yield* Effect.acquireRelease(
    Effect.try({
      try: () =>
        new native.PeerConnection("effect-livekit", {
          iceServers: configuration.iceServers.flatMap(toNativeServers),
          iceTransportPolicy: configuration.iceTransportPolicy,
          disableAutoNegotiation: true,
          // Without it no media can be added later.
          forceMediaTransport: true
        }),
      catch: (cause) => new PeerConnectionError({ reason: new CreationFailed({ cause }) })
    }),
    // Callbacks stay registered: libdatachannel frees them, and lets the process exit, only when the last one has run.
    (peer) =>
      Effect.sync(() => {
        lifetime.isOver = true
        // One that never opened is not told of the end, and would keep the process alive.
        for (const channel of own) if (channel.readyState() === "connecting") channel.close()
        self.media?.close()
        peer.close()
      })
  )
  // The far end must not reach us before its answer has: libdatachannel would drop its DTLS hello, and the next one comes a
  // second later. Nor before our first check has left: libjuice would put that off by 50 ms. So the candidates of an offer are
  // told when it is answered and one of the far end is known.
  const untold: Array<IceCandidate> = []
  const far = { isKnown: false }
  const tell = () => {
    if (lifetime.isOver || !far.isKnown || peer.signalingState() === "have-local-offer") return
    // Those of a bundle belong to its first section; libwebrtc looks for them nowhere else.
    const first = /^a=mid:(\S+)/m.exec(descriptions.local?.sdp ?? "")?.[1]
    for (const candidate of untold.splice(0)) {
      handlers.onIceCandidate({ ...candidate, sdpMid: first ?? candidate.sdpMid })
    }
  }
  const tellAll = () => {
    far.isKnown = true
    tell()
  }
  peer.onLocalCandidate((candidate, sdpMid) => {
    // libdatachannel writes candidates as SDP lines, servers expect them without the prefix.
    untold.push({ candidate: candidate.replace(/^a=/, ""), sdpMid, sdpMLineIndex: 0 })
    tell()
  })
  peer.onStateChange((state) => {
    if (lifetime.isOver) return
    if (state === "connected" && !lifetime.hasBegun) {
      lifetime.hasBegun = true
      for (const channel of own) channel.openEarly()
    }
    handlers.onConnectionStateChange(states[state] ?? "new")
  })
  const later = (then: () => void) => void fork(Effect.andThen(turns, Effect.sync(then)))
  peer.onDataChannel((channel: DataChannel) => {
    const end = watchEnd(channel)
    if (!channel.isOpen()) return collectSoon()
    if (!lifetime.isOver) handlers.onDataChannel(adopt(channel, { end, whenHandedOver: later }))
  })

  const media = NodeMedia.make(peer, {
    clock,
    nextSsrc: () => random.nextIntUnsafe() >>> 0,
    onTrack: (event) => {
      if (!lifetime.isOver) handlers.onTrack?.(event)
    }
  })
  self.media = media

  const created = (type: "offer" | "answer"): SessionDescription => {
    // libdatachannel ends the process over it.
    const expected = type === "offer" ? "stable" : "have-remote-offer"
    if (peer.signalingState() !== expected) throw new Error(`no ${type} can be made in state ${peer.signalingState()}`)
    peer.setLocalDescription(type)
    const description = peer.localDescription()
    if (description === null) throw new Error(`there is no ${type}`)
    const isOffer = type === "offer"
    const sdp = isOffer ? description.sdp.replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, "") : description.sdp
    const own = { type, sdp: media.describe(type, sdp) }
    descriptions.local = own
    return own
  }
  const unsupported = (capability: string) =>
    Effect.fail(new PeerConnectionError({ reason: new Unsupported({ capability }) }))

  const createDataChannel = (label: string, { maxRetransmits, ordered }: DataChannelOptions) =>
    step("createDataChannel", () => {
      const channel = adopt(
        peer.createDataChannel(label, {
          unordered: !ordered,
          ...(maxRetransmits === undefined ? {} : { maxRetransmits })
        }),
        { later }
      )
      // Probes come and go for as long as a session lasts.
      for (const other of own) if (other.readyState() === "closed") own.delete(other)
      own.add(channel)
      return channel
    })

  return {
    createOffer: ({ iceRestart }) =>
      iceRestart ? unsupported("ICE restart") : step("createOffer", () => created("offer")),
    createAnswer: step("createAnswer", () => created("answer")),
    // Offers and answers are set as they are created.
    setLocalDescription: () => Effect.void,
    setRemoteDescription: ({ sdp, type }) =>
      step("setRemoteDescription", () => {
        peer.setRemoteDescription(media.toNative(sdp), type)
        descriptions.remote = { type, sdp }
        media.onRemote(sdp)
        if (type === "offer" || /^a=candidate:\S+ \d+ udp /im.test(sdp)) tellAll()
        // One that tells none waits for ours, or cannot be reached by UDP.
        else fork(Effect.andThen(Effect.sleep(patience), Effect.sync(tellAll)))
      }),
    addIceCandidate: ({ candidate, sdpMid }) =>
      step("addIceCandidate", () => {
        peer.addRemoteCandidate(candidate, sdpMid ?? "0")
        if (/^candidate:\S+ \d+ udp /i.test(candidate)) tellAll()
      }),
    setConfiguration: () => unsupported("setConfiguration"),
    createDataChannel,
    localDescription: () => descriptions.local,
    remoteDescription: () => descriptions.remote,
    connectionState: () => states[peer.state()] ?? "new",
    counters: Effect.sync(() => ({ bytesSent: peer.bytesSent(), bytesReceived: peer.bytesReceived() })),
    roundTrip: roundTrip.make(createDataChannel(probeLabel, { ordered: true })),
    media
  }
})

/** `turn:host:port?transport=tcp` with credentials, as libdatachannel wants it. */
const toNativeServers = ({ credential, urls, username }: IceServer): ReadonlyArray<string | NativeIceServer> =>
  urls.flatMap((url): ReadonlyArray<string | NativeIceServer> => {
    const found = /^(stun|stuns|turn|turns):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/.exec(url)
    if (found === null) return []
    const [, scheme = "", host = "", port, transport] = found
    if (scheme.startsWith("stun")) return [url]
    const isTls = scheme === "turns"
    return [
      {
        hostname: host.replace(/^\[|\]$/g, ""),
        port: Number(port ?? (isTls ? 5349 : 3478)),
        username: username ?? "",
        password: credential ?? "",
        relayType: isTls ? "TurnTls" : transport === "tcp" ? "TurnTcp" : "TurnUdp"
      }
    ]
  })

/**
 * Peer connections by node-datachannel.
 *
 * @category layers
 */
export const layer: Layer.Layer<PeerConnectionFactory> = Layer.succeedContext(
  Context.make(PeerConnectionFactory, { capabilities, make })
)
