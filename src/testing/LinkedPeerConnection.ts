/**
 * Peer connections that never leave the process: two that are given each other's descriptions and candidates become connected
 * over the simulated network, with offers and answers, data channels, media as RTP packets, ICE restart and loss of consent as
 * WebRTC has them.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as RtpMedia from "../internal/rtp/RtpMedia.ts"
import { PeerConnectionError, Unsupported } from "../PeerConnectionError.ts"
import {
  type Capabilities,
  type IceCandidate,
  type PeerConnection,
  PeerConnectionFactory,
  type PeerConnectionHandlers,
  type PeerConnectionState,
  type SessionDescription
} from "../PeerConnectionFactory.ts"
import * as RtcMedia from "../RtcMedia.ts"
import * as Sdp from "../Sdp.ts"
import type * as Association from "./Association.ts"
import * as Exchanges from "./Exchange.ts"
import { Exchange } from "./Exchange.ts"
import * as LinkedDataChannel from "./LinkedDataChannel.ts"
import * as LinkedSdp from "./LinkedSdp.ts"
import * as LinkedSignaling from "./LinkedSignaling.ts"
import type { Link } from "./Link.ts"
import type { Machine } from "./Machine.ts"
import * as Questions from "./Questions.ts"

export { Exchange, layer as layerExchange } from "./Exchange.ts"

/**
 * What linked peer connections can do: all that a browser can, with media as RTP packets, which a test makes and reads.
 *
 * @example
 * ```ts
 * import { LinkedPeerConnection, TestRTCEngine } from "effect-livekit/testing"
 *
 * const canRestart = LinkedPeerConnection.capabilities.iceRestart // true
 * const alice = TestRTCEngine.make("alice", { iceRestart: false }) // as node-datachannel
 * ```
 *
 * @category constants
 */
export const capabilities: Capabilities = {
  iceRestart: true,
  setConfiguration: true,
  stats: true,
  media: "rtp",
  simulcast: false
}

/**
 * Whose peer connections, on which network.
 *
 * @category models
 */
export interface LinkedOptions {
  /** The path of this side to all others; a server has none of its own. */
  readonly link?: Link | undefined
  /** Where this side runs; while that sleeps it hears nothing of its connection. Default: something that never sleeps. */
  readonly machine?: Machine | undefined
  /** What to do without, so as to be like another runtime. */
  readonly capabilities?: Partial<Capabilities> | undefined
  /** Bytes; default 262,144, as browsers. */
  readonly maxMessageSize?: number | undefined
}

const nothing = () => {}

const make = (exchange: Exchange["Service"], can: Capabilities, options: LinkedOptions) =>
  Effect.fnUntraced(function* (
    handlers: PeerConnectionHandlers
  ): Effect.fn.Return<PeerConnection, PeerConnectionError, Scope.Scope> {
    const scope = yield* Effect.scope
    const whenAwake = options.machine?.whenAwake ?? ((run: () => void) => run())
    const sessionId = yield* exchange.nextUfrag
    const channels = new Map<number, LinkedDataChannel.LinkedDataChannel>()
    const candidates = new Set<string>()
    const questions = Questions.make()
    const self = {
      state: "new" as PeerConnectionState,
      isClosed: false,
      line: undefined as Association.Line | undefined,
      gathered: undefined as string | undefined,
      channelsMade: 0,
      bytesSent: 0,
      bytesReceived: 0
    }
    const signaling = LinkedSignaling.make()
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const media = RtpMedia.make({
      clock,
      nextSsrc: () => random.nextIntUnsafe() >>> 0,
      onTrack: (event) => whenAwake(() => (self.isClosed ? undefined : handlers.onTrack?.(event))),
      write: (bytes) => {
        if (self.state !== "connected") return
        self.bytesSent += bytes.length
        self.line?.sendUnreliably({ _tag: "Media", bytes }, nothing)
      }
    })
    const ufragOf = (description: SessionDescription | null) => LinkedSdp.ufrag(description?.sdp ?? "")
    const hasChannels = () => channels.size > 0 || LinkedSdp.hasChannels(signaling.latestRemote()?.sdp ?? "")
    const maxMessageSize = () => Sdp.maxMessageSize(signaling.remote()?.sdp ?? "")

    const setState = (state: PeerConnectionState) => {
      if (self.isClosed || self.state === state) return
      self.state = state
      whenAwake(() => {
        if (!self.isClosed) handlers.onConnectionStateChange(state)
      })
    }
    const open = (channel: LinkedDataChannel.LinkedDataChannel, line: Association.Line) => {
      const { id, label, options } = channel
      const isLossy = options.maxRetransmits !== undefined
      channel.connect({
        data: (bytes, onSent) => {
          self.bytesSent += bytes.length
          const message = { _tag: "Data", id, bytes } as const
          if (isLossy) line.sendUnreliably(message, onSent)
          else line.send(message, onSent)
        },
        close: () => line.send({ _tag: "Close", id })
      })
      return { _tag: "Open", id, label, options } as const
    }
    const onMessage = (message: Association.Message) => {
      if (self.isClosed) return
      if (message._tag === "Media") {
        self.bytesReceived += message.bytes.length
        return media.receive(message.bytes)
      }
      const channel = channels.get(message.id)
      switch (message._tag) {
        case "Ask":
          return self.line?.send({ _tag: "Answer", id: message.id })
        case "Answer":
          return questions.answered(message.id)
        case "Open": {
          const adopted = LinkedDataChannel.make({ ...message, maxMessageSize })
          channels.set(message.id, adopted)
          if (self.line === undefined) return
          open(adopted, self.line)
          adopted.opened()
          handlers.onDataChannel(adopted.rtc)
          return self.line.send({ _tag: "Acknowledge", id: message.id })
        }
        case "Acknowledge":
          return channel?.opened()
        case "Data":
          self.bytesReceived += message.bytes.length
          return channel?.received(message.bytes)
        case "Close":
          channels.delete(message.id)
          return channel?.closed()
      }
    }
    const peer: Exchanges.Peer = {
      link: options.link,
      ufrag: () => ufragOf(signaling.local()),
      remoteUfrag: () => ufragOf(signaling.remote()),
      isSettled: () =>
        signaling.isStable() && signaling.local() !== null && signaling.remote() !== null && !self.isClosed,
      hasCandidate: () => candidates.has(ufragOf(signaling.remote()) ?? ""),
      association: undefined,
      end: {
        setState,
        onMessage,
        onReady: (line) => {
          self.line = line
          for (const channel of channels.values()) line.send(open(channel, line))
        },
        onGone: () => {
          if (self.isClosed) return
          for (const channel of channels.values()) channel.closed()
          channels.clear()
          setState("disconnected")
        }
      }
    }
    yield* Effect.addFinalizer(() => {
      self.isClosed = true
      media.close()
      return peer.association === undefined
        ? Effect.void
        : Effect.provideContext(peer.association.value.leave(peer.end), exchange.world)
    })

    const meet = Exchanges.meet(exchange, peer)
    const gather = Effect.gen(function* () {
      const ufrag = ufragOf(signaling.latestLocal())
      if (ufrag === undefined || ufrag === self.gathered) return
      self.gathered = ufrag
      yield* Effect.yieldNow
      if (!self.isClosed) handlers.onIceCandidate(LinkedSdp.candidate(ufrag))
    })
    const describe = Effect.fnUntraced(function* (type: "offer" | "answer", isRestart: boolean) {
      const known = ufragOf(signaling.local())
      const ufrag = known === undefined || isRestart ? yield* exchange.nextUfrag : known
      exchange.peers.set(ufrag, peer)
      yield* Scope.addFinalizer(
        scope,
        Effect.sync(() => exchange.peers.delete(ufrag))
      )
      const sdp = LinkedSdp.make({
        sessionId,
        type,
        ufrag: hasChannels() || media.hasSections() ? ufrag : undefined,
        maxMessageSize: options.maxMessageSize ?? 262_144
      })
      return { type, sdp: media.describe(type, sdp, hasChannels()) } as const
    })

    return {
      createOffer: ({ iceRestart }) =>
        iceRestart && !can.iceRestart
          ? Effect.fail(new PeerConnectionError({ reason: new Unsupported({ capability: "ICE restart" }) }))
          : describe("offer", iceRestart),
      createAnswer: Effect.andThen(
        signaling.expectsAnswer,
        Effect.suspend(() => {
          const known = signaling.remote()
          return describe("answer", known !== null && ufragOf(known) !== ufragOf(signaling.latestRemote()))
        })
      ),
      setLocalDescription: Effect.fnUntraced(function* (description) {
        yield* signaling.setLocal(description)
        yield* Effect.forkIn(gather, scope)
        yield* meet
      }),
      setRemoteDescription: Effect.fnUntraced(function* (description) {
        yield* signaling.setRemote(description)
        media.onRemote(description.sdp)
        const isAnswered = description.type === "answer" && peer.association === undefined
        if (isAnswered && ufragOf(description) !== undefined) setState("connecting")
        yield* meet
      }),
      addIceCandidate: Effect.fnUntraced(function* ({ candidate }: IceCandidate) {
        if (signaling.latestRemote() === null) {
          return yield* signaling.invalid("addIceCandidate", "a candidate before a remote description")
        }
        candidates.add(LinkedSdp.ufragOfCandidate(candidate) ?? "")
        yield* meet
      }),
      setConfiguration: () =>
        can.setConfiguration
          ? Effect.void
          : Effect.fail(new PeerConnectionError({ reason: new Unsupported({ capability: "setConfiguration" }) })),
      createDataChannel: (label, channelOptions) =>
        Effect.sync(() => {
          // The two sides may not choose the same number (RFC 8832).
          const id = 2 * self.channelsMade++ + (options.link === undefined ? 1 : 0)
          const channel = LinkedDataChannel.make({ id, label, options: channelOptions, maxMessageSize })
          channels.set(id, channel)
          if (self.line !== undefined) self.line.send(open(channel, self.line))
          return channel.rtc
        }),
      localDescription: signaling.latestLocal,
      remoteDescription: signaling.latestRemote,
      connectionState: () => self.state,
      counters: Effect.sync(() => ({ bytesSent: self.bytesSent, bytesReceived: self.bytesReceived })),
      roundTrip: questions.ask((id) => self.line?.send({ _tag: "Ask", id })),
      media: can.media === "none" ? RtcMedia.none : media
    }
  })

/**
 * Peer connections of one side. `TestServer.platform` includes them for a participant.
 *
 * @example
 * ```ts
 * import { LinkedPeerConnection, SimNetwork } from "effect-livekit/testing"
 * import { Effect, Layer } from "effect"
 *
 * const client = Layer.unwrap(
 *   Effect.gen(function* () {
 *     const network = yield* SimNetwork.SimNetwork
 *     const { machine, media } = yield* network.paths("alice")
 *     return LinkedPeerConnection.layer({ link: media, machine, capabilities: { iceRestart: false } })
 *   })
 * )
 * ```
 *
 * @category layers
 */
export const layer = (options: LinkedOptions = {}): Layer.Layer<PeerConnectionFactory, never, Exchange> =>
  Layer.effect(
    PeerConnectionFactory,
    Effect.map(Exchange, (exchange) => {
      const can = { ...capabilities, ...options.capabilities }
      const makePeer = make(exchange, can, options)
      return { capabilities: can, make: (_configuration, handlers) => makePeer(handlers) }
    })
  )
