/**
 * Joins a room, or takes a session up again, over a WebSocket: dials `/rtc/v1` (one peer connection) or `/rtc` (two), waits
 * for the first message and hands out a scoped {@link SignalConnection}. When a dial fails it asks the server why.
 */
import { type JoinResponse, LeaveRequest_Action, type LeaveRequest, ReconnectReason } from "@livekit/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { EngineConfig } from "./EngineConfig.ts"
import { HttpGet } from "./HttpGet.ts"
import { closeOnFailure } from "./internal/closeOnFailure.ts"
import { readFrame } from "./internal/readFrame.ts"
import { redactCause, redactText } from "./internal/redact.ts"
import * as SignalSocket from "./internal/SignalSocket.ts"
import * as spanAttributes from "./internal/spanAttributes.ts"
import type { Recovery } from "./Recovery.ts"
import * as SignalConnection from "./SignalConnection.ts"
import {
  DialTimeout,
  FirstFrameTimeout,
  LeaveReceived,
  ProtocolViolation,
  Rejected,
  SignalError,
  SocketLost,
  Unreachable,
  UpgradeFailed
} from "./SignalError.ts"
import * as SignalUrl from "./SignalUrl.ts"
import { WebSocketConstructor } from "./WebSocketConstructor.ts"

/**
 * Which route is dialled: `single` is `/rtc/v1`, `dual` is `/rtc`, `auto` tries the first and falls back to the second on a
 * server that does not have it.
 *
 * @category models
 */
export type ConnectionMode = "auto" | "single" | "dual"

/**
 * What a join is made of.
 *
 * @category models
 */
export interface JoinOptions {
  /** `ws(s)://` or `http(s)://`; a path and a query are kept. */
  readonly url: string
  readonly token: Redacted.Redacted<string>
  /** Default `auto`. */
  readonly connectionMode?: ConnectionMode | undefined
  /** Whether the server subscribes the participant to every track. Default true. */
  readonly autoSubscribe?: boolean | undefined
  /** Default false. */
  readonly adaptiveStream?: boolean | undefined
  /** An offer for the publisher to carry in the join request; used on `/rtc/v1` only. */
  readonly publisherOffer?: { readonly sdp: string; readonly id: number } | undefined
}

/**
 * What a resume is made of.
 *
 * @category models
 */
export interface ResumeOptions {
  readonly url: string
  readonly token: Redacted.Redacted<string>
  /** The route of the join that is taken up. */
  readonly path: SignalUrl.SignalPath
  readonly participantSid: string
  readonly reason: ReconnectReason
  /** The ping settings of that join (SC12). */
  readonly ping: SignalConnection.PingSettings
  readonly autoSubscribe?: boolean | undefined
  readonly adaptiveStream?: boolean | undefined
}

/**
 * Opens signal connections.
 *
 * @category services
 */
export class SignalClient extends Context.Service<
  SignalClient,
  {
    /**
     * Joins. Interruption at any point closes the socket.
     *
     * @throws SignalError `InvalidUrl`, `DialTimeout`, `FirstFrameTimeout`, `Unreachable`, `Rejected`, `UpgradeFailed`,
     * `SocketLost`, `LeaveReceived`, `ProtocolViolation`
     */
    readonly join: (options: JoinOptions) => Effect.Effect<SignalConnection.SignalConnection, SignalError, Scope.Scope>
    /** Takes a session up again; errors as {@link join}. A leave instead of an answer fails at once (SC10). */
    readonly resume: (
      options: ResumeOptions
    ) => Effect.Effect<SignalConnection.SignalConnection, SignalError, Scope.Scope>
  }
>()("effect-livekit/SignalClient") {}

/** What a leave asks the client to do (S147-S149, V32: `canReconnect` of old servers). */
export const recoveryOfLeave = (leave: LeaveRequest): Recovery =>
  leave.action === LeaveRequest_Action.RESUME
    ? "Resume"
    : leave.action === LeaveRequest_Action.RECONNECT || leave.canReconnect
      ? "Restart"
      : "GiveUp"

const noSuchRoom = "requested room does not exist"

/**
 * Makes a client of the WebSockets and the HTTP in the context.
 *
 * @category constructors
 */
export const make: Effect.Effect<SignalClient["Service"], never, WebSocketConstructor | HttpGet> = Effect.gen(
  function* () {
    const construct = yield* WebSocketConstructor
    const httpGet = yield* HttpGet
    const config = yield* EngineConfig

    /** Asks the server why a dial failed (SC21); bounded, and never worse than not knowing. */
    const explain = Effect.fnUntraced(function* (dialled: URL, token: string, cause: unknown) {
      const answer = yield* httpGet(SignalUrl.withToken(SignalUrl.validate(dialled), token), {}).pipe(
        Effect.timeout(config.validateTimeout),
        Effect.catch((error) =>
          Effect.fail(
            new SignalError({
              reason: new Unreachable({
                origin: dialled.origin,
                cause: redactCause(error._tag === "HttpGetError" ? error.cause : cause, token)
              })
            })
          )
        )
      )
      const reason =
        answer.status >= 200 && answer.status < 300
          ? new UpgradeFailed({ status: answer.status })
          : new Rejected({ status: answer.status, body: redactText(answer.body, token) })
      return yield* new SignalError({ reason })
    })

    const dial = Effect.fnUntraced(function* (options: {
      readonly url: string
      readonly token: Redacted.Redacted<string>
      readonly path: SignalUrl.SignalPath
      readonly parameters: Omit<SignalUrl.DialParameters, "clientInfo">
    }) {
      const base = yield* Effect.fromResult(SignalUrl.parse(options.url)).pipe(
        Effect.mapError((reason) => new SignalError({ reason }))
      )
      const parameters = { ...options.parameters, clientInfo: config.clientInfo }
      const query =
        options.path === "v0" ? SignalUrl.queryV0(parameters) : yield* wrapJoinRequest(parameters, config.gzip)
      const url = SignalUrl.dial(base, options.path, query)
      const token = Redacted.value(options.token)
      const socket = yield* SignalSocket.open(SignalUrl.withToken(url, token), token).pipe(
        Effect.provideService(WebSocketConstructor, construct),
        Effect.timeoutOrElse({
          duration: config.dialTimeout,
          orElse: () => Effect.fail(new SignalError({ reason: new DialTimeout({ millis: config.dialTimeout }) }))
        }),
        Effect.catchTag("SocketRefused", ({ cause }) => explain(url, token, cause))
      )
      const first = yield* firstFrame(socket, config.firstFrameTimeout)
      return { socket, first }
    }, closeOnFailure)

    const join = Effect.fn("SignalClient.join")(function* (options: JoinOptions) {
      const mode = options.connectionMode ?? "auto"
      yield* Effect.annotateCurrentSpan({ ...spanAttributes.ofServer(options.url), "livekit.connection.mode": mode })
      const dialJoin = (path: SignalUrl.SignalPath) =>
        dial({
          url: options.url,
          token: options.token,
          path,
          parameters: {
            autoSubscribe: options.autoSubscribe ?? true,
            adaptiveStream: options.adaptiveStream ?? false,
            resume: undefined,
            publisherOffer: path === "v1" ? options.publisherOffer : undefined
          }
        }).pipe(Effect.map((dialled) => ({ ...dialled, path })))

      const { socket, first, path } = yield* mode === "dual"
        ? dialJoin("v0")
        : dialJoin("v1").pipe(
            Effect.catchIf(
              (error) =>
                mode === "auto" &&
                error.reason._tag === "Rejected" &&
                error.reason.status === 404 &&
                !error.reason.body.includes(noSuchRoom),
              () => dialJoin("v0")
            )
          )
      if (first._tag !== "Message" || first.message.case !== "join") {
        return yield* refuseFirst(first, "a join response")
      }
      const response: JoinResponse = first.message.value
      yield* Effect.annotateCurrentSpan({
        "livekit.signal.path": path,
        "livekit.room.sid": response.room?.sid ?? "",
        "livekit.participant.sid": response.participant?.sid ?? "",
        "livekit.server.version": response.serverInfo?.version ?? response.serverVersion,
        "livekit.server.region": response.serverInfo?.region ?? response.serverRegion
      })
      return yield* SignalConnection.make({
        socket,
        path,
        handshake: { _tag: "Joined", response },
        ping: { interval: response.pingInterval, timeout: response.pingTimeout },
        probeTimeout: config.probeTimeout,
        inDoubtWindow: config.inDoubtWindow,
        first: undefined
      })
    }, closeOnFailure)

    const resume = Effect.fn("SignalClient.resume")(function* (options: ResumeOptions) {
      yield* Effect.annotateCurrentSpan({
        ...spanAttributes.ofServer(options.url),
        "livekit.signal.path": options.path,
        "livekit.participant.sid": options.participantSid,
        "livekit.reconnect.reason": ReconnectReason[options.reason]
      })
      const { socket, first } = yield* dial({
        url: options.url,
        token: options.token,
        path: options.path,
        parameters: {
          autoSubscribe: options.autoSubscribe ?? true,
          adaptiveStream: options.adaptiveStream ?? false,
          resume: { participantSid: options.participantSid, reason: options.reason },
          publisherOffer: undefined
        }
      })
      if (first._tag !== "Message" || first.message.case === "leave" || first.message.case === "join") {
        return yield* refuseFirst(first, "a reconnect response")
      }
      const isResponse = first.message.case === "reconnect"
      return yield* SignalConnection.make({
        socket,
        path: options.path,
        handshake: { _tag: "Resumed", response: first.message.case === "reconnect" ? first.message.value : undefined },
        ping: options.ping,
        probeTimeout: config.probeTimeout,
        inDoubtWindow: config.inDoubtWindow,
        first: isResponse ? undefined : first
      })
    }, closeOnFailure)

    return SignalClient.of({ join, resume })
  }
)

const wrapJoinRequest = Effect.fnUntraced(function* (
  parameters: SignalUrl.DialParameters,
  gzip: ((bytes: Uint8Array) => Effect.Effect<Uint8Array>) | undefined
) {
  const request = SignalUrl.joinRequest(parameters)
  return gzip === undefined ? SignalUrl.queryV1(request, false) : SignalUrl.queryV1(yield* gzip(request), true)
})

/** Text frames are passed over, as they are later (SC9). */
const takeBinary = (socket: SignalSocket.SignalSocket): Effect.Effect<Uint8Array, SignalSocket.SocketEnded> =>
  Effect.flatMap(Queue.take(socket.frames), (frame) => (frame === "text" ? takeBinary(socket) : Effect.succeed(frame)))

const firstFrame = Effect.fnUntraced(function* (socket: SignalSocket.SignalSocket, millis: number) {
  const frame = yield* takeBinary(socket).pipe(
    Effect.timeoutOrElse({
      duration: millis,
      orElse: () => Effect.fail(new SignalError({ reason: new FirstFrameTimeout({ millis }) }))
    }),
    Effect.catchTag("SocketEnded", ({ code, why }) =>
      Effect.fail(new SignalError({ reason: new SocketLost({ code, why }) }))
    )
  )
  return readFrame(frame)
})

const refuseFirst = (first: SignalConnection.Incoming, expected: string) => {
  if (first._tag === "Malformed") {
    const got = typeof first.cause === "string" ? first.cause : "a frame that cannot be read"
    return Effect.fail(new SignalError({ reason: new ProtocolViolation({ expected, got, cause: first.cause }) }))
  }
  if (first.message.case === "leave") {
    const leave = first.message.value
    return Effect.fail(
      new SignalError({
        reason: new LeaveReceived({
          action: leave.action,
          why: leave.reason,
          regions: leave.regions,
          recovery: recoveryOfLeave(leave)
        })
      })
    )
  }
  return Effect.fail(new SignalError({ reason: new ProtocolViolation({ expected, got: first.message.case }) }))
}

/**
 * The client over the WebSockets and the HTTP of a platform.
 *
 * @category layers
 */
export const layer: Layer.Layer<SignalClient, never, WebSocketConstructor | HttpGet> = Layer.effect(SignalClient, make)

/**
 * A client for tests in which nothing is to be dialled: every method never completes, but for those given.
 *
 * @example
 * ```ts
 * import { SignalClient, SignalError } from "effect-livekit"
 * import { Effect } from "effect"
 *
 * const busy = new SignalError.SignalError({ reason: new SignalError.Rejected({ status: 503, body: "busy" }) })
 * const layer = SignalClient.layerNoop({ join: () => Effect.fail(busy) })
 * ```
 *
 * @category layers
 */
export const layerNoop = (methods: Partial<SignalClient["Service"]> = {}): Layer.Layer<SignalClient> =>
  Layer.succeed(SignalClient, { join: () => Effect.never, resume: () => Effect.never, ...methods })
