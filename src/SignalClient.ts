/**
 * Joins a room, or takes a session up again, over a WebSocket: dials `/rtc/v1` (one peer connection) or `/rtc` (two), waits
 * for the first message and hands out a scoped {@link SignalConnection}. When a dial fails it asks the server why.
 */
import { type JoinResponse, ReconnectReason } from "@livekit/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { EngineConfig } from "./EngineConfig.ts"
import type { HttpGet } from "./HttpGet.ts"
import { closeOnFailure } from "./internal/closeOnFailure.ts"
import * as Dial from "./internal/Dial.ts"
import * as spanAttributes from "./internal/spanAttributes.ts"
import * as Recovery from "./Recovery.ts"
import * as SignalConnection from "./SignalConnection.ts"
import { LeaveReceived, ProtocolViolation, SignalError } from "./SignalError.ts"
import type * as SignalUrl from "./SignalUrl.ts"
import type { WebSocketConstructor } from "./WebSocketConstructor.ts"

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

const noSuchRoom = "requested room does not exist"

/**
 * Makes a client of the WebSockets and the HTTP in the context.
 *
 * @category constructors
 */
export const make: Effect.Effect<SignalClient["Service"], never, WebSocketConstructor | HttpGet> = Effect.gen(
  function* () {
    const config = yield* EngineConfig
    const dial = yield* Dial.make

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
          recovery: Recovery.ofLeave(leave)
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
