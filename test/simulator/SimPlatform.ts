/**
 * The platform of one participant with what can go wrong at its seams: dials that are refused or never answered, messages that
 * come late or twice, candidates that get lost, channels that close. It counts what the engine has taken and not given back.
 */
import { DataPacket, SignalRequest, SignalResponse, ReconnectResponse, ServerInfo } from "@livekit/protocol"
import { Context, Effect, Layer } from "effect"
import { DataChannel, HttpGet, PeerConnectionFactory, WebSocketConstructor } from "effect-livekit"
import type { What } from "./History.ts"

export interface Conditions {
  trouble: "stall" | "silence" | "late" | "401" | "503" | undefined
  repeats: boolean
  /** Milliseconds. */
  delay: number
  losesCandidates: boolean
  refusesBytes: boolean
  /** What is sent reliably is lost, until a signal connection is back: the session is moving to another node. */
  isMoving: boolean
  /** Hosts that lead to the server. */
  readonly regions: Map<string, boolean>
}

export const conditions = (regions: ReadonlyArray<string>): Conditions => ({
  trouble: undefined,
  repeats: false,
  delay: 0,
  losesCandidates: false,
  refusesBytes: false,
  isMoving: false,
  regions: new Map(regions.map((host) => [host, true]))
})

export interface SimPlatform {
  readonly layer: Layer.Layer<
    WebSocketConstructor.WebSocketConstructor | HttpGet.HttpGet | PeerConnectionFactory.PeerConnectionFactory
  >
  /** The far end closes an open channel. */
  readonly closeChannel: (kind: "reliable" | "lossy") => void
  readonly counts: () => { sockets: number; listeners: number; peerConnections: number; channels: number }
  /** Sockets that are not closed. */
  readonly openSockets: () => ReadonlyArray<number>
}

type Listener = (event: WebSocketConstructor.WebSocketEvent) => void
type Server = WebSocketConstructor.WebSocketConstructor | HttpGet.HttpGet | PeerConnectionFactory.PeerConnectionFactory

const late = 3_000

export const make = Effect.fnUntraced(function* (options: {
  readonly server: Layer.Layer<Server>
  readonly serverHost: string
  readonly conditions: Conditions
  readonly record: (what: What) => void
}) {
  const { conditions, record, serverHost } = options
  const inner = yield* Layer.build(options.server)
  const construct = Context.get(inner, WebSocketConstructor.WebSocketConstructor)
  const httpGet = Context.get(inner, HttpGet.HttpGet)
  const factory = Context.get(inner, PeerConnectionFactory.PeerConnectionFactory)
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const sockets = new Map<number, WebSocketConstructor.WebSocketLike>()
  const channels = new Set<ObservedChannel>()
  const counts = { listeners: 0, peerConnections: 0, sockets: 0 }

  const hostFor = (url: URL) => (conditions.regions.get(url.host) === true ? serverHost : "nowhere.test")

  const openSocket = (href: string): WebSocketConstructor.WebSocketLike => {
    const url = new URL(href)
    const number = ++counts.sockets
    const { trouble } = conditions
    record({ _tag: "Dial", socket: number, host: url.host, isResume: isResume(url) })
    url.host = trouble === "401" || trouble === "503" ? "nowhere.test" : hostFor(url)
    const socket = trouble === "stall" ? undefined : construct(url.href)
    const listeners = new Map<string, Set<Listener>>()
    const self = { binaryType: "blob", isClosed: false, isFirst: true, readyAt: 0 }
    const dispatch = (type: WebSocketConstructor.WebSocketEventType, event: WebSocketConstructor.WebSocketEvent) => {
      for (const listener of [...(listeners.get(type) ?? [])]) listener(event)
    }
    const deliver = (received: unknown, message: SignalResponse["message"] | undefined) => {
      if (self.isClosed) return
      const data = message?.case === "reconnect" && conditions.isMoving ? fromOtherNode(message.value) : received
      if (message?.case === "reconnect" || message?.case === "join") conditions.isMoving = false
      if (message?.case !== undefined) record({ _tag: "Got", message: message.case, detail: detailOf(message) })
      dispatch("message", { data })
    }
    socket?.addEventListener("open", () => {
      record({ _tag: "SocketOpen", socket: number })
      dispatch("open", {})
    })
    socket?.addEventListener("error", (event) => dispatch("error", event))
    socket?.addEventListener("message", ({ data }) => {
      if (trouble === "silence") return
      const message = responseOf(data)
      if (message?.case === "trickle" && conditions.losesCandidates) return
      const wait = conditions.delay + (trouble === "late" && self.isFirst ? late : 0)
      self.isFirst = false
      const times = conditions.repeats ? 2 : 1
      if (wait === 0 && self.readyAt === 0) {
        for (let time = 0; time < times; time++) deliver(data, message)
        return
      }
      fork(
        Effect.gen(function* () {
          const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
          // What is late holds up what comes after it.
          self.readyAt = Math.max(self.readyAt, now + wait)
          yield* Effect.sleep(self.readyAt - now)
          for (let time = 0; time < times; time++) deliver(data, message)
        })
      )
    })
    const closed = (by: "client" | "far end", code: number) => {
      if (self.isClosed) return
      self.isClosed = true
      sockets.delete(number)
      record({ _tag: "SocketClosed", socket: number, by, code })
    }
    socket?.addEventListener("close", (event) => {
      if (self.isClosed) return
      closed("far end", event.code ?? 1006)
      dispatch("close", event)
    })
    const observed: WebSocketConstructor.WebSocketLike = {
      get binaryType() {
        return self.binaryType
      },
      set binaryType(type) {
        self.binaryType = type
        if (socket !== undefined) socket.binaryType = type
      },
      get readyState() {
        return self.isClosed ? 3 : (socket?.readyState ?? 0)
      },
      send: (bytes) => {
        const message = requestOf(bytes)
        if (message?.case === "trickle" && conditions.losesCandidates) return
        if (message?.case !== undefined) record({ _tag: "Said", message: message.case, detail: detailOf(message) })
        socket?.send(bytes)
      },
      close: (code = 1000, reason = "") => {
        closed("client", code)
        socket?.close(code, reason)
      },
      addEventListener: (type, listener) => {
        const all = listeners.get(type) ?? new Set()
        // The engine lets a listener for late errors stay on purpose: without one, Node's sockets throw them.
        if (!all.has(listener) && type !== "error") counts.listeners++
        listeners.set(type, all.add(listener))
      },
      removeEventListener: (type, listener) => {
        if (listeners.get(type)?.delete(listener) === true && type !== "error") counts.listeners--
      }
    }
    sockets.set(number, observed)
    return observed
  }

  const get: HttpGet.HttpGet["Service"] = (href, headers) => {
    const url = new URL(href)
    if (url.pathname.endsWith("/settings/regions")) {
      const regions = [...conditions.regions.keys()].map((host) => ({
        region: host,
        url: `ws://${host}`,
        distance: "1"
      }))
      return httpGet(`http://${serverHost}/rtc/validate`, {}).pipe(
        Effect.as({ status: 200, body: JSON.stringify({ regions }), cacheControl: undefined })
      )
    }
    const { trouble } = conditions
    url.host = hostFor(url)
    const answer = httpGet(url.href, headers)
    return trouble === "401" || trouble === "503"
      ? Effect.as(answer, { status: Number(trouble), body: `made to say ${trouble}`, cacheControl: undefined })
      : answer
  }

  const observe = (channel: PeerConnectionFactory.RtcDataChannel, isOurs: boolean) => {
    const observed = new ObservedChannel(channel, conditions, record)
    if (isOurs) channels.add(observed)
    return observed.rtc
  }

  const makePeer: PeerConnectionFactory.PeerConnectionFactory["Service"]["make"] = (configuration, handlers) =>
    Effect.acquireRelease(
      Effect.sync(() => void counts.peerConnections++),
      () => Effect.sync(() => void counts.peerConnections--)
    ).pipe(
      Effect.andThen(
        factory.make(configuration, {
          ...handlers,
          onDataChannel: (channel) => handlers.onDataChannel(observe(channel, false))
        })
      ),
      Effect.map((peer) => ({
        ...peer,
        createDataChannel: (label, init) =>
          Effect.map(peer.createDataChannel(label, init), (channel) => observe(channel, true))
      }))
    )

  const isOpen = (channel: ObservedChannel) => channel.rtc.readyState() !== "closed"
  const self: SimPlatform = {
    layer: Layer.mergeAll(
      Layer.succeed(WebSocketConstructor.WebSocketConstructor, openSocket),
      Layer.succeed(HttpGet.HttpGet, get),
      Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, {
        capabilities: factory.capabilities,
        make: makePeer
      })
    ),
    closeChannel: (kind) => {
      for (const channel of channels) if (channel.rtc.label === `_${kind}`) channel.closeByFarEnd()
    },
    openSockets: () => [...sockets.keys()],
    counts: () => ({
      sockets: sockets.size,
      listeners: counts.listeners,
      peerConnections: counts.peerConnections,
      channels: [...channels].filter(isOpen).length
    })
  }
  return self
})

class ObservedChannel {
  readonly rtc: PeerConnectionFactory.RtcDataChannel
  #handlers: PeerConnectionFactory.RtcDataChannelHandlers | null | undefined

  /** Of what was sent. */
  #highest = 0

  constructor(channel: PeerConnectionFactory.RtcDataChannel, conditions: Conditions, record: (what: What) => void) {
    const isReliable = channel.label === DataChannel.labels.reliable
    this.rtc = {
      ...channel,
      send: (bytes) => {
        if (conditions.refusesBytes) {
          conditions.refusesBytes = false
          throw new Error("the channel refuses bytes")
        }
        if (isReliable) {
          const { sequence } = DataPacket.fromBinary(bytes)
          if (sequence > this.#highest + 1) record({ _tag: "Skipped", from: this.#highest, to: sequence })
          this.#highest = Math.max(this.#highest, sequence)
        }
        if (!conditions.isMoving || !isReliable) channel.send(bytes)
      },
      setHandlers: (handlers) => {
        this.#handlers = handlers
        channel.setHandlers(handlers)
      }
    }
  }

  closeByFarEnd() {
    if (this.rtc.readyState() !== "open") return
    this.rtc.close()
    this.#handlers?.onClose()
  }
}

const isResume = (url: URL): boolean => {
  if (url.searchParams.get("reconnect") === "1") return true
  const wrapped = url.searchParams.get("join_request")
  // The request is protobuf in base64; a resume has a reason and a participant, which starts with `PA_`.
  return wrapped !== null && Buffer.from(wrapped, "base64url").includes("PA_")
}

const responseOf = (data: unknown): SignalResponse["message"] | undefined => {
  if (!(data instanceof ArrayBuffer)) return undefined
  try {
    return SignalResponse.fromBinary(new Uint8Array(data)).message
  } catch {
    return undefined
  }
}

/** A session that has moved is answered by the node that it moved to. */
const fromOtherNode = (response: ReconnectResponse): ArrayBuffer => {
  const value = response.clone()
  value.serverInfo = new ServerInfo({ ...value.serverInfo, nodeId: "another node" })
  return new Uint8Array(new SignalResponse({ message: { case: "reconnect", value } }).toBinary()).buffer
}

const requestOf = (bytes: Uint8Array): SignalRequest["message"] | undefined => {
  try {
    return SignalRequest.fromBinary(bytes).message
  } catch {
    return undefined
  }
}

const detailOf = (message: SignalResponse["message"] | SignalRequest["message"]): string => {
  switch (message.case) {
    case "leave":
      return `action ${message.value.action} reason ${message.value.reason}${message.value.canReconnect ? " canReconnect" : ""}`
    case "offer":
    case "answer":
      return `id ${message.value.id}`
    case "reconnect":
      return `lastMessageSeq ${message.value.lastMessageSeq}`
    case "updateMetadata":
      return message.value.metadata
    default:
      return ""
  }
}

/** The text of a user packet, without what only makes it longer. */
export const textOf = (packet: DataPacket): string | undefined =>
  packet.value.case === "user" ? new TextDecoder().decode(packet.value.value.payload).replace(/\.+$/, "") : undefined
