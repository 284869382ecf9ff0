/**
 * The URLs of the signal connection, as pure functions (SC1, SC21).
 */
import {
  type ClientInfo,
  ClientInfo_SDK,
  ConnectionSettings,
  JoinRequest,
  ReconnectReason,
  SessionDescription as SessionDescriptionMessage,
  WrappedJoinRequest,
  WrappedJoinRequest_Compression
} from "@livekit/protocol"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import { InvalidUrl } from "./SignalError.ts"

/**
 * Which way a session is signalled: `v1` carries one peer connection, `v0` carries two.
 *
 * @category models
 */
export type SignalPath = "v1" | "v0"

/**
 * What the server is asked for by a dial.
 *
 * @category models
 */
export interface DialParameters {
  readonly clientInfo: ClientInfo
  readonly autoSubscribe: boolean
  readonly adaptiveStream: boolean
  /** Set to take up an existing session. */
  readonly resume: { readonly participantSid: string; readonly reason: ReconnectReason } | undefined
  /** An offer for the publisher, answered right after the join (v1 only). */
  readonly publisherOffer: { readonly sdp: string; readonly id: number } | undefined
}

/**
 * Reads a server URL: `ws`, `wss`, `http` or `https`. An existing path and query are kept.
 *
 * @category parsing
 */
export const parse = (url: string): Result.Result<URL, InvalidUrl> => {
  if (!URL.canParse(url)) return Result.fail(new InvalidUrl({ why: "it is not an absolute URL" }))
  const parsed = new URL(url)
  const scheme = schemes[parsed.protocol]
  if (scheme === undefined) {
    return Result.fail(new InvalidUrl({ why: `its scheme is "${parsed.protocol}" and not ws, wss, http or https` }))
  }
  parsed.protocol = scheme
  parsed.hash = ""
  return Result.succeed(parsed)
}

const schemes: Readonly<Record<string, string>> = { "ws:": "ws:", "http:": "ws:", "wss:": "wss:", "https:": "wss:" }

/**
 * The URL to dial, without the token.
 *
 * @category constructors
 */
export const dial = (base: URL, path: SignalPath, query: URLSearchParams): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/+$/, "")}${path === "v1" ? "/rtc/v1" : "/rtc"}`
  for (const [name, value] of query) url.searchParams.set(name, value)
  return url
}

/**
 * The URL of the route that says why a dial was refused: same query, over HTTP. User and password are not in it, since `fetch`
 * takes no such URL.
 *
 * @category constructors
 */
export const validate = (dialled: URL): URL => {
  const url = new URL(dialled)
  url.username = ""
  url.password = ""
  url.protocol = dialled.protocol === "wss:" ? "https:" : "http:"
  url.pathname = `${dialled.pathname}/validate`
  return url
}

/**
 * Adds the token; the result must not be logged.
 *
 * @category constructors
 */
export const withToken = (url: URL, token: string): string => {
  const secret = new URL(url)
  secret.searchParams.set("access_token", token)
  return secret.href
}

/**
 * Query of `/rtc` (SC1).
 *
 * @category constructors
 */
export const queryV0 = (parameters: DialParameters): URLSearchParams => {
  const info = parameters.clientInfo
  const query = new URLSearchParams({
    auto_subscribe: parameters.autoSubscribe ? "1" : "0",
    adaptive_stream: parameters.adaptiveStream ? "1" : "0",
    sdk: sdkName(info.sdk),
    version: info.version,
    protocol: String(info.protocol)
  })
  const optional = {
    client_protocol: info.clientProtocol === 0 ? "" : String(info.clientProtocol),
    device_model: info.deviceModel,
    os: info.os,
    os_version: info.osVersion,
    browser: info.browser,
    browser_version: info.browserVersion,
    network: info.network
  }
  for (const [name, value] of Object.entries(optional)) if (value !== "") query.set(name, value)
  if (parameters.resume !== undefined) {
    query.set("reconnect", "1")
    if (parameters.resume.participantSid !== "") query.set("sid", parameters.resume.participantSid)
    query.set("reconnect_reason", String(parameters.resume.reason))
  }
  return query
}

const sdkName = (sdk: ClientInfo_SDK): string => (ClientInfo_SDK[sdk] ?? "UNKNOWN").toLowerCase().replaceAll("_", "")

/**
 * The join request of `/rtc/v1`, encoded.
 *
 * @category constructors
 */
export const joinRequest = (parameters: DialParameters): Uint8Array =>
  new JoinRequest({
    clientInfo: parameters.clientInfo,
    connectionSettings: new ConnectionSettings({
      autoSubscribe: parameters.autoSubscribe,
      adaptiveStream: parameters.adaptiveStream
    }),
    reconnect: parameters.resume !== undefined,
    reconnectReason: parameters.resume?.reason ?? ReconnectReason.RR_UNKNOWN,
    participantSid: parameters.resume?.participantSid ?? "",
    ...(parameters.publisherOffer === undefined
      ? {}
      : {
          publisherOffer: new SessionDescriptionMessage({
            type: "offer",
            sdp: parameters.publisherOffer.sdp,
            id: parameters.publisherOffer.id
          })
        })
  }).toBinary()

/**
 * Query of `/rtc/v1` around an encoded join request.
 *
 * @category constructors
 */
export const queryV1 = (request: Uint8Array, compressed: boolean): URLSearchParams =>
  new URLSearchParams({
    // The server decodes base64url with padding only.
    join_request: Base64Url.encodePadded(
      new WrappedJoinRequest({
        compression: compressed ? WrappedJoinRequest_Compression.GZIP : WrappedJoinRequest_Compression.NONE,
        joinRequest: request
      }).toBinary()
    )
  })
