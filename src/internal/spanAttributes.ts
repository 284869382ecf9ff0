/**
 * Attributes of spans, named as OpenTelemetry names them where it does, and `livekit.*` where it does not. Nothing secret: of a URL
 * only host and port.
 */
import * as Result from "effect/Result"
import { parse } from "../SignalUrl.ts"

export const ofServer = (url: string): Readonly<Record<string, string | number>> => {
  const parsed = parse(url)
  if (Result.isFailure(parsed)) return {}
  const { hostname, port, protocol } = parsed.success
  return {
    "network.protocol.name": "websocket",
    "server.address": hostname.replaceAll(/[[\]]/g, ""),
    "server.port": port === "" ? (protocol === "wss:" ? 443 : 80) : Number(port)
  }
}
