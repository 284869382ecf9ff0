/**
 * Bugs that clients really had, each in a few lines.
 */
import { DataPacket, type SignalResponse } from "@livekit/protocol"
import { type Cause, Effect, Queue, Schedule, type Scope } from "effect"
import {
  DataChannel,
  PeerConnectionTransport,
  RegionUrlProvider,
  SignalClient,
  type SignalConnection,
  SignalError,
  type SignalRequest,
  WebSocketConstructor
} from "effect-livekit"
import { type PlantedBug, wrap } from "./PlantedBug.ts"

const signal = (
  change: (client: SignalClient.SignalClient["Service"]) => Partial<SignalClient.SignalClient["Service"]>
) => wrap(SignalClient.SignalClient, (client) => ({ ...client, ...change(client) }))
const connections = (
  change: (
    connection: SignalConnection.SignalConnection
  ) => Effect.Effect<SignalConnection.SignalConnection, never, Scope.Scope>
) =>
  signal((client) => ({
    join: (options) => Effect.flatMap(client.join(options), change),
    resume: (options) => Effect.flatMap(client.resume(options), change)
  }))
const transports = (
  change: (
    transport: PeerConnectionTransport.PeerConnectionTransport
  ) => Partial<PeerConnectionTransport.PeerConnectionTransport>
) =>
  wrap(PeerConnectionTransport.Factory, (factory) => ({
    ...factory,
    make: (options) => Effect.map(factory.make(options), (transport) => ({ ...transport, ...change(transport) }))
  }))
const sockets = (change: (socket: WebSocketConstructor.WebSocketLike) => Partial<WebSocketConstructor.WebSocketLike>) =>
  wrap(WebSocketConstructor.WebSocketConstructor, (construct) => (url) => {
    const socket = construct(url)
    const own = change(socket)
    const read = (target: WebSocketConstructor.WebSocketLike, key: string | symbol): unknown =>
      Reflect.get(key in own ? own : target, key)
    return new Proxy(socket, { get: read })
  })
/** What comes in, as another queue. */
const incoming = (
  change: (
    queue: SignalConnection.SignalConnection["incoming"],
    into: Queue.Queue<SignalConnection.Incoming, Cause.Done>
  ) => Effect.Effect<void>
) =>
  connections((connection) =>
    Effect.gen(function* () {
      const queue = yield* Queue.unbounded<SignalConnection.Incoming, Cause.Done>()
      yield* Effect.forkScoped(change(connection.incoming, queue))
      return { ...connection, incoming: queue }
    })
  )
const through = (keep: (message: SignalResponse["message"]) => boolean) =>
  incoming((from, into) =>
    Queue.take(from).pipe(
      Effect.map((item) => (item._tag === "Message" && !keep(item.message) ? false : Queue.offerUnsafe(into, item))),
      Effect.forever,
      Effect.catchTag("Done", () => Queue.end(into)),
      Effect.asVoid
    )
  )
const sequenceOf = (bytes: Uint8Array) => DataPacket.fromBinary(bytes).sequence
const never = 3_600_000

export const bugs: ReadonlyArray<PlantedBug> = [
  {
    name: "replay goes out after what is new",
    source: "client-sdk-js V4, 42",
    services: wrap(DataChannel.DataChannel, (channels) => ({
      ...channels,
      open: (transport, options) =>
        Effect.map(channels.open(transport, options), (channel) => {
          let highest = 0
          let held: Array<Uint8Array> = []
          return {
            ...channel,
            sendUnsafe: (bytes) => {
              const sequence = options.kind === "reliable" ? sequenceOf(bytes) : Infinity
              if (sequence <= highest) return void held.push(bytes)
              highest = Math.min(sequence, Number.MAX_SAFE_INTEGER)
              channel.sendUnsafe(bytes)
              for (const late of held) channel.sendUnsafe(late)
              held = []
            }
          }
        })
    }))
  },
  {
    name: "replay is skipped when the server has nothing",
    source: "client-sdk-js V13",
    services: signal((client) => ({
      resume: (options) =>
        Effect.map(client.resume(options), (connection) =>
          connection.handshake._tag === "Resumed" && connection.handshake.response?.lastMessageSeq === 0
            ? { ...connection, handshake: { _tag: "Resumed", response: undefined } }
            : connection
        )
    }))
  },
  {
    name: "a cause is dropped that comes during an attempt",
    source: "client-sdk-js V16, #1671",
    edits: [
      { file: "internal/Attempts.ts", from: "yield* observe(cause)", to: "" },
      { file: "internal/Attempts.ts", from: "const overtaken = isPointless(cause)", to: "const overtaken = false" }
    ]
  },
  {
    name: "the token is captured once",
    source: "S85, client-sdk-js #1900",
    services: wrap(SignalClient.SignalClient, (client) => {
      let token: SignalClient.JoinOptions["token"] | undefined
      return {
        join: (options) => client.join({ ...options, token: (token ??= options.token) }),
        resume: (options) => client.resume({ ...options, token: (token ??= options.token) })
      }
    })
  },
  {
    name: "a socket is not closed when its dial times out",
    source: "client-sdk-js V20, #1695",
    platform: sockets((socket) => ({
      close: (code, reason) => {
        if (socket.readyState !== 0) socket.close(code, reason)
      }
    }))
  },
  {
    name: "listeners are kept",
    source: "client-sdk-js V22",
    platform: sockets(() => ({ removeEventListener: () => {} }))
  },
  {
    name: "a sequence is taken before the size is checked",
    source: "client-sdk-js V15",
    edits: [
      { file: "ReliableSender.ts", from: "if (bytes.length > max) {", to: "if (bytes.length > max) { log.skip()" },
      {
        file: "ReliableLog.ts",
        from: "  rewind(): void {",
        to: "  skip(): void { this.#nextSequence++ }\n  rewind(): void {"
      }
    ]
  },
  {
    name: "a resume succeeds on stale state",
    source: "S81, S104",
    services: transports(() => ({ connected: Effect.void, roundTrip: Effect.void }))
  },
  {
    name: "an old attempt goes on beside the new one",
    source: "client-sdk-js V8",
    services: signal((client) => ({
      resume: (options) =>
        Effect.tap(client.resume(options), () =>
          Effect.forkScoped(Effect.ignore(Effect.delay(client.resume(options), "1 second")))
        )
    }))
  },
  {
    name: "an offer is dropped that comes before configure",
    source: "client-sdk-js V3",
    services: signal((client) => ({
      join: (options) =>
        Effect.tap(client.join(options), ({ incoming }) =>
          Effect.andThen(Effect.sleep(1), Queue.clear(incoming).pipe(Effect.ignore))
        )
    }))
  },
  {
    name: "requests go out before the peer connections are back",
    source: "S105",
    edits: [
      {
        file: "SignalRequestQueue.ts",
        from: "connection = next\n        isOpen = false",
        to: "connection = next\n        isOpen = true\n        drain()"
      }
    ]
  },
  {
    name: "a sender that waits is never woken",
    source: "client-sdk-js 40, #2013",
    services: wrap(DataChannel.DataChannel, (channels) => ({
      ...channels,
      open: (transport, options) => channels.open(transport, { ...options, onWritable: undefined })
    }))
  },
  {
    name: "a dial that times out counts as cancelled",
    source: "client-sdk-js V1",
    services: signal((client) => ({
      join: (options) => Effect.mapError(client.join(options), cancelled),
      resume: (options) => Effect.mapError(client.resume(options), cancelled)
    }))
  },
  {
    name: "a clean close goes unnoticed",
    source: "client-sdk-js V2",
    services: incoming((from, into) =>
      Queue.take(from).pipe(
        Effect.map((item) => Queue.offerUnsafe(into, item)),
        Effect.forever,
        Effect.catchTag("Done", () => Effect.void),
        Effect.asVoid
      )
    )
  },
  {
    name: "no other region is tried",
    source: "client-sdk-js V18",
    services: wrap(RegionUrlProvider.RegionUrlProvider, (regions) => ({
      ...regions,
      next: () => Effect.succeedNone
    }))
  },
  {
    name: "what is sent during a full reconnect never goes out",
    source: "client-sdk-js V5",
    edits: [
      {
        file: "ReliableSender.ts",
        from: "const kept = [...resend, ...log.pending()]",
        to: "const kept = resend"
      }
    ]
  },
  {
    name: "what is sent again is received twice",
    source: "client-sdk-js 42",
    edits: [{ file: "internal/Nonce.ts", from: "if (last !== undefined && own.count <= last) return false", to: "" }]
  },
  {
    name: "nothing is kept for replay beyond the buffer",
    source: "client-sdk-js V21, #1757",
    settings: { reliableRetention: 0 }
  },
  {
    name: "a leave of an old server is taken for a goodbye",
    source: "client-sdk-js V32",
    services: through((message) => {
      if (message.case === "leave") message.value.canReconnect = false
      return true
    })
  },
  {
    name: "attempts have no delay",
    source: "client-sdk-js V31",
    policy: (policy) => ({ ...policy, schedule: Schedule.forever })
  },
  {
    name: "the server is not told of the end",
    source: "client-sdk-js #1687",
    services: connections((connection) =>
      Effect.succeed({
        ...connection,
        sendUnsafe: (request: SignalRequest.SignalRequest) => request.case !== "leave" && connection.sendUnsafe(request)
      })
    )
  },
  {
    name: "a malformed packet throws",
    source: "client-sdk-js V10",
    services: wrap(DataChannel.DataChannel, (channels) => {
      const strict = (options: DataChannel.ChannelOptions): DataChannel.ChannelOptions => ({
        ...options,
        onMessage: (bytes) => {
          DataPacket.fromBinary(bytes)
          options.onMessage?.(bytes)
        }
      })
      return {
        open: (transport, options) => channels.open(transport, strict(options)),
        adopt: (transport, channel, options) => channels.adopt(transport, channel, strict(options))
      }
    })
  },
  {
    name: "a first message that never comes is waited for",
    source: "client-sdk-js 18",
    settings: { firstFrameTimeout: never }
  },
  {
    name: "there are no pings after a resume",
    source: "SC12",
    services: signal((client) => ({
      resume: (options) => client.resume({ ...options, ping: { interval: 0, timeout: 0 } })
    }))
  }
]

const cancelled = (error: SignalError.SignalError) =>
  error.reason._tag === "DialTimeout"
    ? new SignalError.SignalError({ reason: new SignalError.InvalidUrl({ why: "cancelled" }) })
    : error
