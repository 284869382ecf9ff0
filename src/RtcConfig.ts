/**
 * The configuration of peer connections from what the server says and what the user gave (S46-S52).
 */
import { ClientConfigSetting, type ClientConfiguration, type ICEServer } from "@livekit/protocol"
import type { IceServer, RtcConfiguration } from "./PeerConnectionFactory.ts"

/**
 * ICE settings of the application.
 *
 * @category models
 */
export interface RtcOptions {
  /** Used instead of the server's list when not empty (S48, S49). */
  readonly iceServers?: ReadonlyArray<IceServer> | undefined
  /**
   * Default `all`; the server's `forceRelay` overrides it (S51). With `relay` node-datachannel names no other address, and still goes
   * straight to the server where it can.
   */
  readonly iceTransportPolicy?: "all" | "relay" | undefined
}

/**
 * Used when neither the user nor the server gives any (S46).
 *
 * @category constants
 */
export const defaultIceServers: ReadonlyArray<IceServer> = [
  { urls: ["stun:stun.l.google.com:19302"] },
  { urls: ["stun:stun1.l.google.com:19302"] }
]

/**
 * What can be used before the server has answered: the user's options alone.
 *
 * @category constructors
 */
export const early = (options: RtcOptions): RtcConfiguration => ({
  iceServers: options.iceServers ?? [],
  iceTransportPolicy: options.iceTransportPolicy ?? "all"
})

/**
 * Whether it is all that a runtime needs that takes no ICE servers later: there is no way through relays that only the server
 * can name.
 *
 * @category predicates
 */
export const isComplete = ({ iceServers, iceTransportPolicy }: RtcConfiguration): boolean =>
  iceTransportPolicy === "all" || iceServers.length > 0

/**
 * The configuration for a join or reconnect response of the server at `url`. The user's options are not changed (S52).
 *
 * @category constructors
 */
export const make = (
  response: {
    readonly iceServers: ReadonlyArray<ICEServer>
    readonly clientConfiguration?: ClientConfiguration | undefined
  },
  options: RtcOptions = {},
  url = ""
): RtcConfiguration => ({
  iceServers: chooseIceServers(response.iceServers, options.iceServers ?? [], url),
  iceTransportPolicy: forcesRelay(response.clientConfiguration) ? "relay" : (options.iceTransportPolicy ?? "all")
})

const chooseIceServers = (
  server: ReadonlyArray<ICEServer>,
  own: ReadonlyArray<IceServer>,
  url: string
): ReadonlyArray<IceServer> => {
  if (own.length > 0) return own
  if (server.length > 0) {
    return server.map(({ credential, urls, username }) => (username === "" ? { urls } : { urls, username, credential }))
  }
  return isLoopback(url) ? [] : defaultIceServers
}

// A server on this machine needs no STUN, and development needs no traffic to the outside.
const isLoopback = (url: string) =>
  URL.canParse(url) && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)

/**
 * Whether there are TURN servers among its ICE servers.
 *
 * @category predicates
 */
export const hasRelays = ({ iceServers }: RtcConfiguration): boolean =>
  iceServers.some(({ urls }) => urls.some((url) => /^turns?:/i.test(url)))

/**
 * Whether the server wants media to go through TURN only (S51).
 *
 * @category predicates
 */
export const forcesRelay = (configuration: ClientConfiguration | undefined): boolean =>
  configuration?.forceRelay === ClientConfigSetting.ENABLED
