/**
 * Dialling a server: the WebSocket and its first frame, and, where it does not open, the question why.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { EngineConfig } from "../EngineConfig.ts"
import { HttpGet } from "../HttpGet.ts"
import type { Incoming } from "../SignalConnection.ts"
import {
  DialTimeout,
  FirstFrameTimeout,
  Rejected,
  SignalError,
  SocketLost,
  Unreachable,
  UpgradeFailed
} from "../SignalError.ts"
import * as SignalUrl from "../SignalUrl.ts"
import { WebSocketConstructor } from "../WebSocketConstructor.ts"
import { closeOnFailure } from "./closeOnFailure.ts"
import { readFrame } from "./readFrame.ts"
import { redactCause, redactText } from "./redact.ts"
import * as SignalSocket from "./SignalSocket.ts"

export interface DialOptions {
  readonly url: string
  readonly token: Redacted.Redacted<string>
  readonly path: SignalUrl.SignalPath
  readonly parameters: Omit<SignalUrl.DialParameters, "clientInfo">
}

export interface Dialled {
  readonly socket: SignalSocket.SignalSocket
  readonly first: Incoming
}

/** Over the WebSockets and the HTTP in the context. */
export const make = Effect.gen(function* () {
  const construct = yield* WebSocketConstructor
  const httpGet = yield* HttpGet
  const config = yield* EngineConfig

  /** Asks the server why a dial failed (SC21); bounded, and never worse than not knowing. */
  const explain = Effect.fnUntraced(function* (dialled: URL, token: string, cause: unknown) {
    const url = SignalUrl.withToken(SignalUrl.validate(dialled), token)
    const answer = yield* httpGet(url, basicAuthorization(dialled)).pipe(
      Effect.timeout(config.validateTimeout),
      Effect.mapError((error) => {
        const why = redactCause(error._tag === "HttpGetError" ? error.cause : cause, token)
        return new SignalError({ reason: new Unreachable({ origin: dialled.origin, cause: why }) })
      })
    )
    const reason =
      answer.status >= 200 && answer.status < 300
        ? new UpgradeFailed({ status: answer.status, body: redactText(answer.body, token) })
        : new Rejected({ status: answer.status, body: redactText(answer.body, token) })
    return yield* new SignalError({ reason })
  })

  /** On failure nothing of it is left. */
  return Effect.fnUntraced(function* (options: DialOptions): Effect.fn.Return<Dialled, SignalError, Scope.Scope> {
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
    return { socket, first: yield* firstFrame(socket, config.firstFrameTimeout) }
  }, closeOnFailure)
})

/** What a WebSocket says that is dialled by a URL with a user. */
const basicAuthorization = ({ password, username }: URL): Readonly<Record<string, string>> =>
  username === "" && password === "" ? {} : { authorization: `Basic ${btoa(`${username}:${password}`)}` }

const wrapJoinRequest = Effect.fnUntraced(function* (
  parameters: SignalUrl.DialParameters,
  gzip: ((bytes: Uint8Array) => Effect.Effect<Uint8Array>) | undefined
) {
  const request = SignalUrl.joinRequest(parameters)
  return gzip === undefined ? SignalUrl.queryV1(request, false) : SignalUrl.queryV1(yield* gzip(request), true)
})

/** Text frames are passed over, as they are later (SC9). */
const takeBinary = (socket: SignalSocket.SignalSocket): Effect.Effect<Uint8Array, SignalSocket.SocketEnded> =>
  Effect.filterOrElse(
    Queue.take(socket.frames),
    (frame) => frame !== "text",
    () => takeBinary(socket)
  )

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
