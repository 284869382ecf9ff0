/**
 * A client of a LiveKit server that knows nothing but HTTP, WebSocket and protobuf.
 */
import {
  JoinRequest,
  SignalRequest,
  SignalResponse,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression
} from "@livekit/protocol"
import { type Cause, Effect, Queue } from "effect"
import { createHmac } from "node:crypto"
import { type RawData, WebSocket } from "ws"

export type Message = SignalResponse["message"]
type Known = Exclude<Message, { readonly case: undefined }>
export type Case = Known["case"]
type Values = { readonly [M in Known as M["case"]]: M["value"] }
export type Value<C extends Case> = Values[C]

interface AnyMessage {
  readonly case: Case | undefined
  readonly value?: unknown
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

export interface RawSignal {
  readonly request: (message: SignalRequest["message"]) => void
  /** Sends a frame as it is. */
  readonly sendRaw: (frame: Uint8Array | string) => void
  /** The next frame, as it is. */
  readonly frame: Effect.Effect<Uint8Array | string, Cause.Done>
  /** The next message, whichever it is; fails when the connection ends first. */
  readonly next: Effect.Effect<Message, Cause.Done>
  /** The next message of this case; others are skipped. */
  readonly nextOf: <C extends Case>(wanted: C) => Effect.Effect<Value<C>, Cause.Done>
  /** All messages until the connection ends. */
  readonly rest: Effect.Effect<ReadonlyArray<Message>>
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
  /** Closes properly. */
  readonly close: Effect.Effect<void>
  /** WebSocket pings so far. */
  readonly pings: () => number
}

/** Base64url with padding, as a LiveKit server wants it. */
export const base64 = (bytes: Uint8Array) =>
  Buffer.from(bytes).toString("base64").replaceAll("+", "-").replaceAll("/", "_")

export const wrap = (joinRequest: Uint8Array, compression = WrappedJoinRequest_Compression.NONE) =>
  base64(new WrappedJoinRequest({ joinRequest, compression }).toBinary())

export const joinRequest = (fields: ConstructorParameters<typeof JoinRequest>[0] = {}) =>
  wrap(new JoinRequest({ clientInfo: { protocol: 16 }, ...fields }).toBinary())

const read = (frame: Uint8Array | string): Message =>
  typeof frame === "string" ? SignalResponse.fromJsonString(frame).message : SignalResponse.fromBinary(frame).message

/** Dials; fails with the answer of the server when it does not upgrade. The socket is cut when the scope ends. */
export const dial = Effect.fnUntraced(function* (
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>> } = {}
) {
  const frames = yield* Queue.unbounded<Uint8Array | string, Cause.Done>()
  const end = { code: 0, reason: "", pings: 0 }
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new WebSocket(url, { headers: { ...options.headers }, perMessageDeflate: false })),
    (socket) => Effect.sync(() => socket.terminate())
  )
  socket.on("ping", () => end.pings++)
  socket.on("error", () => {})
  socket.on("message", (data: RawData, isBinary) => {
    if (Buffer.isBuffer(data)) Queue.offerUnsafe(frames, isBinary ? new Uint8Array(data) : data.toString("utf8"))
  })
  socket.on("close", (code, reason) => {
    end.code = code
    end.reason = reason.toString("utf8")
    Queue.endUnsafe(frames)
  })
  yield* Effect.callback<void, HttpAnswer>((resume) => {
    socket.on("open", () => resume(Effect.void))
    socket.on("unexpected-response", (_, response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8")
        resume(Effect.fail({ status: response.statusCode ?? 0, body }))
      })
    })
  })
  const frame = Queue.take(frames)
  const next = Effect.map(frame, read)
  const nextOf = <C extends Case>(wanted: C): Effect.Effect<Value<C>, Cause.Done> =>
    Effect.flatMap(next, (message: AnyMessage) =>
      is(message, wanted) ? Effect.succeed(message.value) : nextOf(wanted)
    )
  const rest = Effect.gen(function* () {
    const messages: Array<Message> = []
    yield* next.pipe(
      Effect.map((message) => void messages.push(message)),
      Effect.forever,
      Effect.catchTag("Done", () => Effect.void)
    )
    return messages
  })
  return {
    request: (message) => socket.send(new SignalRequest({ message }).toBinary()),
    sendRaw: (frame) => socket.send(frame),
    frame,
    next,
    nextOf,
    rest,
    closed: Effect.map(rest, () => ({ code: end.code, reason: end.reason })),
    close: Effect.sync(() => socket.close()),
    pings: () => end.pings
  } satisfies RawSignal
})

const is = <C extends Case>(
  message: AnyMessage,
  wanted: C
): message is { readonly case: C; readonly value: Value<C> } => message.case === wanted

/** A token with any claims, signed as `livekit-server-sdk` would sign it if it let them through. */
export const signToken = (secret: string, claims: Readonly<Record<string, unknown>>, alg = "HS256"): string => {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url")
  const signed = `${encode({ alg, typ: "JWT" })}.${encode({ exp: 4_000_000_000, ...claims })}`
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`
}
