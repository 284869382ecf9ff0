/**
 * What a dial asks for: the query of `/rtc`, or the join request of `/rtc/v1`.
 */
import {
  type AddTrackRequest,
  JoinRequest,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression
} from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import { Refusal } from "./Refusal.ts"

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
  /** Default true. */
  readonly autoSubscribe: boolean
  readonly publisherOffer: { readonly sdp: string; readonly id: number } | undefined
  readonly addTracks: ReadonlyArray<AddTrackRequest>
  /** Set for a second session of somebody that only publishes; the suffix of its identity. */
  readonly publish: string
  /** Instead of those in the token. */
  readonly metadata: string
  /** Added to those in the token. */
  readonly attributes: Readonly<Record<string, string>>
}

/**
 * Decompresses a join request, up to 1 MiB.
 *
 * @category models
 */
export type Gunzip = (bytes: Uint8Array) => Effect.Effect<Uint8Array, "TooLarge" | "Unreadable">

const refusal = (body: string) => new Refusal({ status: 400, body })

/**
 * Reads the parameters of a dial. Only `validate` is strict about attributes that cannot be read; a join goes on without.
 *
 * @category parsing
 */
export const parse = (
  request: DialRequest,
  options: { readonly isStrict: boolean; readonly gunzip: Gunzip }
): Effect.Effect<JoinParameters, Refusal> => {
  const wrapped = request.query.get("join_request") ?? ""
  // A join request on plain `/rtc` asks for a single peer connection too.
  if (wrapped !== "") return parseJoinRequest(wrapped, options.gunzip)
  return request.path.startsWith("/rtc/v1")
    ? Effect.fail(refusal("join_request is required"))
    : Effect.fromResult(parseQuery(request.query, options.isStrict))
}

const parseQuery = (query: URLSearchParams, isStrict: boolean): Result.Result<JoinParameters, Refusal> => {
  const encoded = query.get("attributes") ?? ""
  const attributes = encoded === "" ? {} : decodeAttributes(encoded)
  if (attributes === undefined && isStrict) return Result.fail(refusal("cannot decode attributes"))
  return Result.succeed({
    isSingle: false,
    protocol: Number(query.get("protocol") ?? "0"),
    isResume: isTrue(query.get("reconnect")),
    autoSubscribe: query.get("auto_subscribe") === null || isTrue(query.get("auto_subscribe")),
    publisherOffer: undefined,
    addTracks: [],
    publish: query.get("publish") ?? "",
    metadata: "",
    attributes: attributes ?? {}
  })
}

const parseJoinRequest = Effect.fnUntraced(function* (
  wrapped: string,
  gunzip: Gunzip
): Effect.fn.Return<JoinParameters, Refusal> {
  const bytes = decodeBase64(wrapped)
  if (bytes === undefined) return yield* refusal("cannot base64 decode wrapped join request")
  const envelope = yield* Effect.try({
    try: () => WrappedJoinRequest.fromBinary(bytes),
    catch: () => refusal("cannot unmarshal wrapped join request")
  })
  const encoded =
    envelope.compression === WrappedJoinRequest_Compression.GZIP
      ? yield* gunzip(envelope.joinRequest).pipe(
          Effect.mapError((why) =>
            refusal(why === "TooLarge" ? "join request too large" : "cannot read decompressed join request")
          )
        )
      : envelope.joinRequest
  const join = yield* Effect.try({
    try: () => JoinRequest.fromBinary(encoded),
    catch: () => refusal("cannot unmarshal join request")
  })
  return {
    isSingle: true,
    protocol: join.clientInfo?.protocol ?? 0,
    isResume: join.reconnect,
    autoSubscribe: join.connectionSettings?.autoSubscribe ?? true,
    publisherOffer:
      join.publisherOffer === undefined ? undefined : { sdp: join.publisherOffer.sdp, id: join.publisherOffer.id },
    addTracks: join.addTrackRequests,
    publish: "",
    metadata: join.metadata,
    attributes: join.participantAttributes
  }
})

const isTrue = (value: string | null) => value === "1" || value === "true"

/** Base64url with padding; without it a LiveKit server reads nothing. */
const decodeBase64 = (text: string): Uint8Array | undefined =>
  text.length % 4 === 0 ? Result.getOrUndefined(Base64Url.decode(text)) : undefined

const decodeAttributes = (text: string): Record<string, string> | undefined => {
  const bytes = decodeBase64(text)
  if (bytes === undefined) return undefined
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined
    const attributes: Record<string, string> = {}
    for (const [key, value] of Object.entries(json)) {
      if (typeof value !== "string") return undefined
      attributes[key] = value
    }
    return attributes
  } catch {
    return undefined
  }
}
