/**
 * What a dial asks for: the query of `/rtc`, or the join request of `/rtc/v1`.
 */
import { JoinRequest, WrappedJoinRequest, WrappedJoinRequest_Compression } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import { Refusal } from "./Refusal.ts"
import type { Claims } from "./TokenVerifier.ts"

/**
 * @category models
 */
export interface DialRequest {
  readonly path: string
  readonly query: URLSearchParams
  /** The `Authorization` header, if any. */
  readonly authorization: string | undefined
}

/**
 * @category models
 */
export interface JoinParameters {
  readonly isSingle: boolean
  readonly protocol: number
  readonly isResume: boolean
  readonly publisherOffer: { readonly sdp: string; readonly id: number } | undefined
}

/**
 * The token of a dial; the header wins over the query.
 *
 * @category parsing
 */
export const tokenOf = (request: DialRequest): Result.Result<string, Refusal> => {
  const { authorization } = request
  if (authorization !== undefined) {
    return authorization.startsWith("Bearer ")
      ? Result.succeed(authorization.slice("Bearer ".length))
      : Result.fail(new Refusal({ status: 401, body: "invalid authorization header. Must start with Bearer " }))
  }
  const token = request.query.get("access_token")
  return token === null || token === ""
    ? Result.fail(new Refusal({ status: 401, body: "no permissions to access the room" }))
    : Result.succeed(token)
}

/**
 * Whether the claims let somebody into a room at all.
 *
 * @category decisions
 */
export const admit = (claims: Claims): Result.Result<Claims, Refusal> => {
  const refuse = (status: number, body: string) => Result.fail(new Refusal({ status, body }))
  if (!claims.roomJoin) return refuse(401, "permissions denied")
  if (claims.room === "") return refuse(400, "no room name")
  if (claims.room.length > 256) return refuse(400, "room name length exceeds limits: max length 256")
  if (claims.identity === "") return refuse(400, "identity cannot be empty")
  if (claims.identity.length > 256) return refuse(400, "participant identity length exceeds limits: max length 256")
  return Result.succeed(claims)
}

/**
 * Reads the parameters of a dial.
 *
 * @category parsing
 */
export const parse = Effect.fnUntraced(function* (
  request: DialRequest,
  gunzip: (bytes: Uint8Array) => Effect.Effect<Uint8Array, unknown>
): Effect.fn.Return<JoinParameters, Refusal> {
  const wrapped = request.query.get("join_request")
  const isV1 = request.path.startsWith("/rtc/v1")
  if (wrapped === null || wrapped === "") {
    if (isV1) return yield* new Refusal({ status: 400, body: "join_request is required" })
    return {
      isSingle: false,
      protocol: Number(request.query.get("protocol") ?? "0"),
      isResume: isTrue(request.query.get("reconnect")),
      publisherOffer: undefined
    }
  }
  const refuse = (body: string) => new Refusal({ status: 400, body })
  const bytes = Base64Url.decode(wrapped.replaceAll("=", ""))
  if (Result.isFailure(bytes)) return yield* refuse("cannot base64 decode wrapped join request")
  const envelope = yield* Effect.try({
    try: () => WrappedJoinRequest.fromBinary(bytes.success),
    catch: () => refuse("cannot unmarshal wrapped join request")
  })
  const encoded =
    envelope.compression === WrappedJoinRequest_Compression.GZIP
      ? yield* gunzip(envelope.joinRequest).pipe(Effect.mapError(() => refuse("cannot read decompressed join request")))
      : envelope.joinRequest
  const join = yield* Effect.try({
    try: () => JoinRequest.fromBinary(encoded),
    catch: () => refuse("cannot unmarshal join request")
  })
  return {
    isSingle: true,
    protocol: join.clientInfo?.protocol ?? 0,
    isResume: join.reconnect,
    publisherOffer:
      join.publisherOffer === undefined ? undefined : { sdp: join.publisherOffer.sdp, id: join.publisherOffer.id }
  }
})

const isTrue = (value: string | null) => value === "1" || value === "true"
