/**
 * What the candidates of a server say of where it takes media.
 */
import { DisconnectReason } from "@livekit/protocol"
import type { EngineErrorReason } from "../../EngineError.ts"

export interface Address {
  readonly host: string
  readonly port: number
}

export const named = ({ host, port }: Address) => `${host.includes(":") ? `[${host}]` : host}:${port}`

/** The candidates that come with a description. */
export const described = (sdp: string): ReadonlyArray<string> =>
  [...sdp.matchAll(/^a=(candidate:.*)$/gm)].map(([, candidate = ""]) => candidate.trim())

/** Addresses where a server takes media over a transport. */
export const addresses = (candidates: ReadonlyArray<string>, wanted: "udp" | "tcp"): ReadonlyArray<Address> => {
  const found = candidates.flatMap((candidate): ReadonlyArray<Address> => {
    const [, , transport, , host, port] = candidate.split(" ")
    return transport?.toLowerCase() === wanted && host !== undefined && Number(port) > 9
      ? [{ host, port: Number(port) }]
      : []
  })
  return [...new Map(found.map((address) => [named(address), address])).values()]
}

/** Whether no path was found: who notices first, the runtime, the engine or the server, says so in its own words. */
export const isPathless = (reason: EngineErrorReason): boolean =>
  reason._tag === "IceTimeout" ||
  reason._tag === "Failed" ||
  (reason._tag === "Ended" && reason.why === DisconnectReason.CONNECTION_TIMEOUT)

/** What to do when nothing comes back from where the server takes media. */
export const noPath = (candidates: ReadonlyArray<string>): string => {
  const offered = addresses(candidates, "udp").map(named)
  return offered.length === 0
    ? "the server offers no address for media over UDP; see its rtc.port_range_start, rtc.udp_port and rtc.node_ip"
    : `nothing comes back over UDP from ${offered.join(", ")}: open the server's UDP ports on the way; where that is no address of the server that can be reached from here, set its rtc.node_ip or rtc.use_external_ip`
}

/** What LiveKit's own TURN does about the addresses at which the server takes media, where it may be that. */
export const restricted = (candidates: ReadonlyArray<string>): string => {
  const hosts = [...new Set(candidates.map((candidate) => candidate.split(" ")[4] ?? ""))].filter((host) => host !== "")
  return hosts.length > 0 && hosts.every(isPrivate)
    ? `; the server takes media at ${hosts.join(", ")}, and LiveKit's TURN relays to private addresses only if its turn.allow_restricted_peer_cidrs names them`
    : ""
}

const isPrivate = (host: string) =>
  /^(10|127)\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\.|^169\.254\.|^(::1$|f[cd]|fe[89ab])/i.test(host)
