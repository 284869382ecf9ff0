/**
 * Session descriptions of linked peer connections: real enough to be parsed, and small.
 */
import type { IceCandidate } from "../PeerConnectionFactory.ts"

/** Without a `ufrag` nothing was asked to be carried, and the description has no section. */
export const make = (options: {
  readonly sessionId: string
  readonly type: "offer" | "answer"
  readonly ufrag: string | undefined
  readonly maxMessageSize: number
}): string => {
  const head = ["v=0", `o=- ${options.sessionId.replace(/\D/g, "")} 1 IN IP4 127.0.0.1`, "s=-", "t=0 0"]
  const section =
    options.ufrag === undefined
      ? []
      : [
          "a=group:BUNDLE 0",
          "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
          "c=IN IP4 0.0.0.0",
          "a=mid:0",
          "a=sendrecv",
          "a=ice-options:trickle",
          `a=ice-ufrag:${options.ufrag}`,
          `a=ice-pwd:${options.ufrag.padEnd(22, "0")}`,
          `a=setup:${options.type === "offer" ? "actpass" : "active"}`,
          "a=sctp-port:5000",
          `a=max-message-size:${options.maxMessageSize}`
        ]
  return [...head, ...section, ""].join("\r\n")
}

export const ufrag = (sdp: string): string | undefined => /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1]

export const hasChannels = (sdp: string): boolean => /^m=application/m.test(sdp)

export const candidate = (ufrag: string): IceCandidate => ({
  candidate: `candidate:1 1 udp 2130706431 127.0.0.1 9 typ host ufrag ${ufrag}`,
  sdpMid: "0",
  sdpMLineIndex: 0
})

export const ufragOfCandidate = (candidate: string): string | undefined => / ufrag (\S+)/.exec(candidate)?.[1]
