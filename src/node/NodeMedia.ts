/**
 * Media of a native peer connection as raw RTP. libdatachannel tells packets apart by SSRCs that were announced, which browsers no
 * longer do, and knows no simulcast; so it carries the packets of all sections in one, and never sees the others.
 */
import type * as Clock from "effect/Clock"
import type { PeerConnection, Track } from "node-datachannel"
import native from "node-datachannel"
import * as RtpMedia from "../internal/rtp/RtpMedia.ts"
import type { RtcTrackEvent } from "../RtcMedia.ts"
import * as carrier from "./carrier.ts"
import { collectSoon } from "./collect.ts"

export interface NodeMedia extends Omit<RtpMedia.RtpMedia, "receive" | "hasSections"> {
  /** A description of the far end, as libdatachannel is to get it. */
  readonly toNative: (sdp: string) => string
}

export const make = (
  peer: PeerConnection,
  options: {
    readonly clock: Clock.Clock
    /** Any number of 32 bits that no other stream has. */
    readonly nextSsrc: () => number
    readonly onTrack: (event: RtcTrackEvent) => void
  }
): NodeMedia => {
  const self = { isClosed: false, track: undefined as Track | undefined }
  /** From the first time on that there is media. */
  const carry = () => {
    if (self.isClosed || self.track !== undefined) return
    const section = new native.Video(carrier.mid, "SendRecv")
    section.addVP8Codec(96)
    self.track = peer.addTrack(section)
    self.track.onMessage((bytes) => media.receive(new Uint8Array(bytes)))
  }
  const media = RtpMedia.make({
    ...options,
    write: (packet) => {
      if (self.track?.isOpen() !== true) return
      try {
        self.track.sendMessageBinary(Buffer.from(packet))
      } catch {
        // What SRTP refuses, as a sequence that was sent already, is dropped as the network might have.
      }
    },
    onMedia: carry
  })
  return {
    ...media,
    toNative: (sdp) => {
      if (/^m=(audio|video)/m.test(sdp)) carry()
      return carrier.toNative(sdp)
    },
    close: () => {
      self.isClosed = true
      media.close()
      if (self.track === undefined) return
      // Its handle keeps the process alive until it is collected, whatever becomes of the track.
      self.track.close()
      self.track = undefined
      collectSoon()
    }
  }
}
