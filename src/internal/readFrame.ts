import { SignalResponse } from "@livekit/protocol"
import type { Incoming } from "../SignalConnection.ts"

/** Decodes one binary frame of the server. A frame that cannot be read, or says nothing known, is `Malformed`. */
export const readFrame = (bytes: Uint8Array): Incoming => {
  try {
    const { message } = SignalResponse.fromBinary(bytes)
    return message.case === undefined
      ? { _tag: "Malformed", size: bytes.length, cause: "a message of a kind this client does not know" }
      : { _tag: "Message", message }
  } catch (cause) {
    return { _tag: "Malformed", size: bytes.length, cause }
  }
}
