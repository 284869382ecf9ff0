/**
 * The room logic without a network: sockets and peer connections are values in the hands of a test.
 */
import { type DataPacket, SessionDescription, SignalRequest, SignalResponse } from "@livekit/protocol"
import { type Cause, Context, Effect, Layer, Queue, Redacted, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { AccessToken } from "effect-livekit/dev-server"
import { PeerConnectionFactory as Factory, RtcMedia } from "effect-livekit"
import * as RoomServer from "../../src/room/RoomServer.ts"
import type { Frame, SignalSocket } from "../../src/room/SignalSocket.ts"
import { TokenVerifier } from "../../src/room/TokenVerifier.ts"

/** The server's end of a peer connection; what happens to it is up to the test. */
export interface FakePeer {
  readonly handlers: Factory.PeerConnectionHandlers
  /** Channels that the server opened, by label. */
  readonly opened: Map<string, FakeChannel>
  readonly remote: Array<Factory.SessionDescription>
  readonly restarts: () => number
  /** Whether the server has closed it. */
  readonly isClosed: () => boolean
  readonly become: (state: Factory.PeerConnectionState) => Effect.Effect<void>
}

/** The server's end of a data channel. */
export class FakeChannel implements Factory.RtcDataChannel {
  readonly label: string
  readonly sent: Array<Uint8Array> = []
  #state: "connecting" | "open" = "connecting"
  #handlers: Factory.RtcDataChannelHandlers | null = null
  /** What `send` throws, if anything. */
  failure: Error | undefined

  constructor(label: string) {
    this.label = label
  }
  id = () => null
  readyState = () => this.#state
  bufferedAmount = () => 0
  setBufferedAmountLowThreshold = () => {}
  close = () => {}
  send = (bytes: Uint8Array) => {
    if (this.failure !== undefined) throw this.failure
    this.sent.push(bytes)
  }
  setHandlers = (handlers: Factory.RtcDataChannelHandlers | null) => {
    this.#handlers = handlers
    if (this.#state === "open") handlers?.onOpen()
  }
  open() {
    this.#state = "open"
    this.#handlers?.onOpen()
  }
  /** Packets that came before the runtime handed the channel over, in the order given. */
  receiveEarly(packets: ReadonlyArray<DataPacket>) {
    this.#handlers?.onEarlyMessages(packets.map((packet) => packet.toBinary()))
  }
  /** A message of the client. */
  receive(packet: DataPacket | Uint8Array) {
    this.#handlers?.onMessage(packet instanceof Uint8Array ? packet : packet.toBinary())
  }
}

/** Peer connections in the order in which the server makes them. */
export class FakePeers extends Context.Service<FakePeers, { readonly made: Array<FakePeer> }>()("test/FakePeers") {}

export const fakePeers = (options: { readonly iceRestart: boolean }) =>
  Layer.effectContext(
    Effect.sync(() => {
      const made: Array<FakePeer> = []
      const make = (_: Factory.RtcConfiguration, handlers: Factory.PeerConnectionHandlers) =>
        // Not at once, because a runtime need not do so either.
        Effect.gen(function* (): Effect.fn.Return<Factory.PeerConnection, never, Scope.Scope> {
          yield* Effect.yieldNow
          const self = { state: "new" as Factory.PeerConnectionState, restarts: 0, isClosed: false }
          yield* Effect.addFinalizer(() => Effect.sync(() => void (self.isClosed = true)))
          const remote: Array<Factory.SessionDescription> = []
          const opened = new Map<string, FakeChannel>()
          made.push({
            handlers,
            opened,
            remote,
            restarts: () => self.restarts,
            isClosed: () => self.isClosed,
            become: (state) =>
              Effect.sync(() => {
                self.state = state
                handlers.onConnectionStateChange(state)
              }).pipe(Effect.andThen(settle))
          })
          return {
            createOffer: ({ iceRestart }) =>
              Effect.sync(() => {
                if (iceRestart) self.restarts++
                return { type: "offer", sdp: iceRestart ? "restart" : "offer" }
              }),
            createAnswer: Effect.sync(() => ({ type: "answer", sdp: "answer" })),
            setLocalDescription: () => Effect.void,
            setRemoteDescription: (description) => Effect.sync(() => void remote.push(description)),
            addIceCandidate: () => Effect.void,
            setConfiguration: () => Effect.void,
            createDataChannel: (label) =>
              Effect.sync(() => {
                const channel = new FakeChannel(label)
                opened.set(label, channel)
                return channel
              }),
            localDescription: () => null,
            remoteDescription: () => remote.at(-1) ?? null,
            connectionState: () => self.state,
            media: RtcMedia.none,
            roundTrip: Effect.void,
            counters: Effect.succeed({ bytesSent: 0, bytesReceived: 0 })
          }
        })
      const capabilities: Factory.Capabilities = {
        iceRestart: options.iceRestart,
        setConfiguration: false,
        stats: false,
        media: "none",
        simulcast: false
      }
      return Context.make(Factory.PeerConnectionFactory, { capabilities, make }).pipe(Context.add(FakePeers, { made }))
    })
  )

export type Message = SignalResponse["message"]

/** The client's end of a socket. */
export interface FakeSignal {
  /** What the server said since this was last asked. */
  readonly said: Effect.Effect<ReadonlyArray<Message>>
  readonly cases: Effect.Effect<ReadonlyArray<Message["case"]>>
  readonly request: (message: SignalRequest["message"]) => Effect.Effect<void>
  /** The socket is lost, without a word. */
  readonly lose: Effect.Effect<void>
  /** Code of the server's close; `undefined` while the socket is open. */
  readonly closeCode: () => number | undefined
}

/** Lets everything happen that needs no time. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

const fakeSocket = Effect.gen(function* () {
  const frames = yield* Queue.unbounded<Frame, Cause.Done>()
  const unread: Array<Message> = []
  const self = { code: undefined as number | undefined }
  const end = (code: number) => {
    self.code ??= code
    Queue.endUnsafe(frames)
  }
  const socket: SignalSocket = {
    frames,
    send: (frame) => {
      if (self.code !== undefined || typeof frame === "string") return
      unread.push(SignalResponse.fromBinary(frame).message)
    },
    // What the client has sent by then still arrives.
    close: (code) => {
      self.code ??= code
    },
    destroy: () => end(1006)
  }
  const said = Effect.map(settle, () => unread.splice(0))
  const signal: FakeSignal = {
    said,
    cases: Effect.map(said, (messages) => messages.map((message) => message.case)),
    request: (message) =>
      Effect.sync(() => void Queue.offerUnsafe(frames, new SignalRequest({ message }).toBinary())).pipe(
        Effect.andThen(settle)
      ),
    lose: Effect.sync(() => end(1006)).pipe(Effect.andThen(settle)),
    closeCode: () => self.code
  }
  return { socket, signal }
})

const key = { apiKey: "key", apiSecret: "secret-for-tests-only-0123456789-0123456789" }

/** A server and what is needed to dial it. */
export const makeServer = Effect.fnUntraced(function* (options: Partial<RoomServer.RoomServerOptions> = {}) {
  const verifier = AccessToken.verifier(key)
  const server = yield* RoomServer.make({
    pingInterval: 5,
    pingTimeout: 15,
    updateInterval: 0,
    gunzip: Effect.succeed,
    ...options
  }).pipe(Effect.provideService(TokenVerifier, { ...verifier, issue: () => Effect.succeed("token") }))
  const { made } = yield* FakePeers

  /** Dials and is upgraded, or fails with the refusal. */
  const dial = Effect.fnUntraced(function* (
    identity: string,
    query: Readonly<Record<string, string>> = {},
    grant: Partial<AccessToken.TokenOptions> = {}
  ) {
    const token = yield* AccessToken.issue(key, { identity, room: "room", ...grant })
    const request = {
      path: "/rtc",
      query: new URLSearchParams({ access_token: Redacted.value(token), protocol: "16", ...query }),
      authorization: undefined
    }
    const admission = yield* server.admit(request, yield* server.authenticate(request))
    const { signal, socket } = yield* fakeSocket
    yield* server.accept(admission, socket)
    return signal
  })
  const resume = (identity: string, query: Readonly<Record<string, string>> = {}) =>
    dial(identity, { reconnect: "1", ...query })

  /** Joins with two peer connections, and has them connected. */
  const join = Effect.fnUntraced(function* (
    identity: string,
    options: { readonly protocol?: number; readonly grant?: Partial<AccessToken.TokenOptions> } = {}
  ) {
    const from = made.length
    const signal = yield* dial(identity, { protocol: String(options.protocol ?? 16) }, options.grant)
    const [publisher, subscriber] = made.slice(from)
    if (publisher === undefined || subscriber === undefined) throw new Error("two peer connections were expected")
    const connect = Effect.gen(function* () {
      // A server offers a little after the join.
      yield* TestClock.adjust(10)
      const offer = (yield* signal.said).findLast((message) => message.case === "offer")
      yield* signal.request({
        case: "answer",
        value: new SessionDescription({ type: "answer", sdp: "answer", id: offer?.value.id ?? 0 })
      })
      yield* subscriber.become("connected")
      for (const channel of subscriber.opened.values()) channel.open()
    })
    /** Opens a channel of the client's. */
    const channel = (label: string) => {
      const channel = new FakeChannel(label)
      publisher.handlers.onDataChannel(channel)
      channel.open()
      return channel
    }
    const received = (label = "_reliable") => subscriber.opened.get(label)?.sent ?? []
    return { identity, signal, publisher, subscriber, connect, channel, received }
  })
  const joined = (...arguments_: Parameters<typeof join>) =>
    Effect.tap(join(...arguments_), ({ connect, signal }) => Effect.andThen(connect, signal.said))

  return { server, made, faults: server.faults, dial, resume, join, joined, present: server.participants("room") }
})
