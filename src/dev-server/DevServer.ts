/**
 * A LiveKit-compatible room server in this process, on loopback, over real sockets and real WebRTC. For demos and tests: it
 * forwards data, signalling and tracks, has no TURN and no cluster. Real rooms belong on a LiveKit server.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { gunzip as nodeGunzip } from "node:zlib"
import { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import type { Faults as RoomFaults } from "../room/Faults.ts"
import type { Gunzip } from "../room/JoinParameters.ts"
import * as RestartableRooms from "../room/RestartableRooms.ts"
import { TokenVerifier } from "../room/TokenVerifier.ts"
import * as AccessToken from "./AccessToken.ts"
import * as HttpListener from "./HttpListener.ts"

/**
 * The server cannot listen.
 *
 * @category errors
 */
export class DevServerError extends Data.TaggedError("DevServerError")<{
  readonly port: number
  readonly cause: unknown
}> {
  override get message() {
    const code = Predicate.hasProperty(this.cause, "code") ? this.cause.code : undefined
    const why = code === "EADDRINUSE" ? "it is in use" : code === "EACCES" ? "it needs more rights" : String(this.cause)
    return `cannot listen on port ${this.port}: ${why}`
  }
}

/**
 * Where the server listens, and how it behaves.
 *
 * @category models
 */
export interface DevServerOptions {
  /** Default: a free one. */
  readonly port?: number | undefined
  /** Default `devkey`. */
  readonly apiKey?: string | undefined
  /** Default: a fixed secret, the same as in no production. */
  readonly apiSecret?: string | undefined
  /** Seconds; default 5. */
  readonly pingInterval?: number | undefined
  /** Seconds; default 15. */
  readonly pingTimeout?: number | undefined
  /** Milliseconds between updates about others. Default 0, which is at once; a LiveKit server has 3000. */
  readonly updateInterval?: number | undefined
  /** False makes a server that knows only `/rtc`, as older ones do. Default true. */
  readonly hasV1?: boolean | undefined
}

/**
 * Troubles of the whole server, and of single participants.
 *
 * @category models
 */
export interface Faults extends RoomFaults {
  /** Answers no dial for some milliseconds: the port is closed, the sessions and their media live on. */
  readonly refuseDials: (millis: number) => Effect.Effect<void>
  /** Ends the server and all sessions, without a word. */
  readonly stop: Effect.Effect<void>
  /** Starts an empty server on the same port. */
  readonly start: Effect.Effect<void, DevServerError>
}

/**
 * A running development server.
 *
 * @category services
 */
export class DevServer extends Context.Service<
  DevServer,
  {
    /** `ws://127.0.0.1:port` */
    readonly url: string
    readonly apiKey: string
    readonly apiSecret: string
    /** A token for a participant. */
    readonly token: (options: AccessToken.TokenOptions) => Effect.Effect<Redacted.Redacted<string>>
    readonly participants: (room: string) => Effect.Effect<ReadonlyArray<string>>
    readonly faults: Faults
  }
>()("effect-livekit/dev-server/DevServer") {}

const gunzip: Gunzip = (bytes) =>
  Effect.callback((resume) => {
    nodeGunzip(bytes, { maxOutputLength: 1024 * 1024 }, (error, result) => {
      if (error === null) return resume(Effect.succeed(result))
      const isTooLarge = "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
      return resume(Effect.fail(isTooLarge ? "TooLarge" : "Unreadable"))
    })
  })

/**
 * Starts a server in the current scope.
 *
 * @throws DevServerError when the port cannot be had
 * @category constructors
 */
export const make = Effect.fnUntraced(function* (
  options: DevServerOptions = {}
): Effect.fn.Return<DevServer["Service"], DevServerError, Scope.Scope | PeerConnectionFactory> {
  const scope = yield* Effect.scope
  const key = {
    apiKey: options.apiKey ?? "devkey",
    apiSecret: options.apiSecret ?? "a-secret-for-development-only-0123456789"
  }
  const rooms = yield* RestartableRooms.make({
    pingInterval: options.pingInterval ?? 5,
    pingTimeout: options.pingTimeout ?? 15,
    updateInterval: options.updateInterval ?? 0,
    gunzip
  }).pipe(Effect.provideService(TokenVerifier, AccessToken.verifier(key)))
  const listener = yield* HttpListener.make({
    rooms: rooms.current,
    hasV1: options.hasV1 ?? true
  })
  const listen = (port: number) =>
    Effect.mapError(listener.listen(port), (cause) => new DevServerError({ port, cause }))
  const port = yield* listen(options.port ?? 0)
  return {
    url: `ws://127.0.0.1:${port}`,
    ...key,
    token: (token) => AccessToken.issue(key, token),
    participants: rooms.participants,
    faults: {
      ...rooms.faults,
      refuseDials: (millis) =>
        listener.close.pipe(
          Effect.andThen(Effect.forkIn(Effect.andThen(Effect.sleep(millis), Effect.orDie(listen(port))), scope)),
          Effect.asVoid
        ),
      stop: Effect.andThen(listener.close, rooms.stop),
      start: Effect.andThen(rooms.start, Effect.asVoid(listen(port)))
    }
  }
})

/**
 * One server for the program.
 *
 * @category layers
 */
export const layer = (options: DevServerOptions = {}): Layer.Layer<DevServer, DevServerError, PeerConnectionFactory> =>
  Layer.effect(DevServer, make(options))
