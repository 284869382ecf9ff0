/**
 * What one join on the signal connection tells: the WebSocket, the token, the first frame.
 */
import { DisconnectReason, type JoinResponse, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Base64Url from "effect/encoding/Base64Url"
import { excerpt } from "../../internal/redact.ts"
import { layerPlatform } from "../../node/NodePlatform.ts"
import * as SignalClient from "../../SignalClient.ts"
import type { SignalErrorReason } from "../../SignalError.ts"
import type { SignalPath } from "../../SignalUrl.ts"
import { failed, ok, type Outcome, skipped } from "./Check.ts"

export interface Joined {
  readonly path: SignalPath
  readonly response: JoinResponse
}

/** Joins, says goodbye, and returns what the server said. */
export const joinOnce = (url: string, token: Redacted.Redacted<string>) =>
  SignalClient.SignalClient.use((client) => client.join({ url, token })).pipe(
    Effect.map((connection): Joined | undefined => {
      connection.sendUnsafe({ case: "leave", value: goodbye })
      return connection.handshake._tag === "Joined"
        ? { path: connection.path, response: connection.handshake.response }
        : undefined
    }),
    Effect.mapError(({ reason }) => reason),
    Effect.scoped,
    Effect.result,
    Effect.provide(SignalClient.layer.pipe(Layer.provide(layerPlatform)))
  )

const goodbye = new LeaveRequest({ reason: DisconnectReason.CLIENT_INITIATED, action: LeaveRequest_Action.DISCONNECT })

export type JoinResult = Result.Result<Joined | undefined, SignalErrorReason>

export const judgeWebSocket = (result: JoinResult): Outcome => {
  if (Result.isSuccess(result)) return ok("the server takes WebSockets")
  const { failure } = result
  switch (failure._tag) {
    case "Rejected":
      return failure.status === 401 || failure.status === 403
        ? ok("the server answers")
        : failed(`${failure.message}; is this a LiveKit server, and the path right?`, { status: failure.status })
    case "FirstFrameTimeout":
    case "LeaveReceived":
    case "ProtocolViolation":
    case "SocketLost":
      return ok("the server takes WebSockets")
    default:
      return failed(failure.message, { reason: failure._tag })
  }
}

export const judgeFirstFrame = (result: JoinResult): Outcome => {
  if (Result.isSuccess(result)) {
    if (result.success === undefined) return failed("the first message is no join response")
    const { path, response } = result.success
    const { serverInfo } = response
    const version = serverInfo?.version ?? response.serverVersion
    const region = serverInfo?.region ?? ""
    const where = region === "" ? "" : ` in ${region}`
    return ok(
      `LiveKit server ${version}${where}, ${path === "v1" ? "one peer connection (/rtc/v1)" : "two peer connections (/rtc)"}, a ping every ${response.pingInterval} s`,
      { version, region, path, pingInterval: response.pingInterval, pingTimeout: response.pingTimeout }
    )
  }
  const { failure } = result
  switch (failure._tag) {
    case "FirstFrameTimeout":
    case "LeaveReceived":
    case "ProtocolViolation":
    case "SocketLost":
      return failed(failure.message, { reason: failure._tag })
    default:
      return skipped("there was no connection to read from")
  }
}

/** Whether a LiveKit server has answered, which looks at the token first. What takes any WebSocket has not. */
const isAccepted = (result: JoinResult): boolean => {
  if (Result.isSuccess(result)) return true
  const { failure } = result
  return failure._tag === "LeaveReceived" || (failure._tag === "UpgradeFailed" && failure.isLiveKit)
}

export const judgeToken = Effect.fnUntraced(function* (token: Redacted.Redacted<string>, result: JoinResult) {
  const now = (yield* Clock.currentTimeMillis) / 1000
  const claims = readClaims(Redacted.value(token))
  const { advice, says } = claims === undefined ? noClaims : judgeClaims(claims, now)
  const details = claims === undefined ? {} : { identity: claims.sub, room: claims.video?.room, expiresAt: claims.exp }
  if (Result.isFailure(result) && result.failure._tag === "Rejected") {
    const { body, status } = result.failure
    if (status === 401 || status === 403) {
      return failed(`refused (${status}: ${excerpt(body)}); ${says}; ${advice}`, { ...details, status })
    }
  }
  if (!isAccepted(result))
    return skipped(`nobody is known to have looked at it${claims === undefined ? "" : `; ${says}`}`)
  return ok(`accepted; ${says}`, details)
})

const Claims = Schema.Struct({
  sub: Schema.optional(Schema.String),
  iss: Schema.optional(Schema.String),
  nbf: Schema.optional(Schema.Finite),
  exp: Schema.optional(Schema.Finite),
  video: Schema.optional(
    Schema.Struct({ room: Schema.optional(Schema.String), roomJoin: Schema.optional(Schema.Boolean) })
  )
})
type Claims = typeof Claims.Type

/** What a token says of itself. Nothing is verified: that is for the server, which alone has the secret. */
const readClaims = (token: string): Claims | undefined => {
  const payload = Result.getOrUndefined(Base64Url.decodeString(token.split(".")[1] ?? ""))
  if (payload === undefined || payload === "") return undefined
  return Result.getOrUndefined(Schema.decodeResult(Schema.fromJsonString(Claims))(payload))
}

interface Judgement {
  /** What it says of itself. */
  readonly says: string
  /** What to do when it was refused. */
  readonly advice: string
}

const noClaims: Judgement = { says: "it is not a JWT", advice: "give what your backend makes" }

const judgeClaims = ({ exp, iss, nbf, sub, video }: Claims, now: number): Judgement => {
  const who = `it is for "${sub ?? ""}" in room "${video?.room ?? ""}", by key "${iss ?? ""}"`
  if (exp !== undefined && exp < now)
    return { says: `${who}, and expired ${Math.round(now - exp)} s ago`, advice: "make a new one" }
  if (nbf !== undefined && nbf > now + 1)
    return { says: `${who}, and is valid only in ${Math.round(nbf - now)} s`, advice: "set the clock of who makes it" }
  if (video?.roomJoin !== true)
    return { says: `${who}, and does not grant roomJoin`, advice: "make one that grants it" }
  return {
    says: exp === undefined ? `${who}, and never expires` : `${who}, good for ${Math.round(exp - now)} s`,
    advice: "make it with an API key that the server has, and the secret of that key"
  }
}
