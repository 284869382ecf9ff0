/**
 * `livekit-client` in Node, over the globals of `@roamhq/wrtc`.
 */
import wrtc from "@roamhq/wrtc"
import type { MakeClient } from "./Client.ts"
import * as livekitClient from "./livekitClient.ts"

export const makeWith = (mode: "single" | "dual"): MakeClient => {
  const { MediaStream, MediaStreamTrack, RTCIceCandidate, RTCPeerConnection } = wrtc
  const { RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver, RTCSessionDescription } = wrtc
  Object.assign(globalThis, {
    MediaStream,
    MediaStreamTrack,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription
  })
  return livekitClient.makeWith(mode)
}
