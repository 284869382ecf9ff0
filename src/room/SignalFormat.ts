/**
 * The two forms of signalling: protobuf, or JSON for a client that sends text. A server answers in the form that the client
 * spoke last, and begins with protobuf (W2).
 */
import { SignalRequest, SignalResponse } from "@livekit/protocol"
import type { Frame } from "./SignalSocket.ts"

export type SignalFormat = "protobuf" | "json"

export const formatOf = (frame: Frame): SignalFormat => (typeof frame === "string" ? "json" : "protobuf")

export const encode = (format: SignalFormat, message: SignalResponse["message"]): Frame => {
  const response = new SignalResponse({ message })
  return format === "json" ? response.toJsonString() : response.toBinary()
}

/** What the client asks; `undefined` for a frame that cannot be read. */
export const decode = (frame: Frame): SignalRequest["message"] | undefined => {
  try {
    const request =
      typeof frame === "string"
        ? SignalRequest.fromJsonString(frame, { ignoreUnknownFields: true })
        : SignalRequest.fromBinary(frame)
    return request.message
  } catch {
    return undefined
  }
}
