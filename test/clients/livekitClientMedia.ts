/**
 * Media of `livekit-client`, in Node over `@roamhq/wrtc`.
 */
import wrtc from "@roamhq/wrtc"
import { Sdp } from "effect-livekit"
import { every, isLoud, type MakeMediaClient, pictureAt, sampleRate, size, toneAt } from "./MediaClient.ts"

/**
 * Browsers tell of a track again when its section gets another stream. A LiveKit server counts on that with one peer connection:
 * its first answer sends in all sections, and later ones say what. wrtc tells only once.
 */
class PeerConnection extends wrtc.RTCPeerConnection {
  #streams = new Map<string, string | undefined>()

  override async setRemoteDescription(description: RTCSessionDescriptionInit) {
    await super.setRemoteDescription(description)
    const before = this.#streams
    this.#streams = streamsOf(description.sdp ?? "")
    for (const transceiver of this.getTransceivers()) {
      const mid = transceiver.mid ?? ""
      const id = this.#streams.get(mid)
      // It has told of a section in which nothing was sent before.
      if (id === undefined || !before.has(mid) || id === before.get(mid)) continue
      const { receiver } = transceiver
      const streams = [Object.defineProperty(new MediaStream([receiver.track]), "id", { value: id })]
      this.ontrack?.(Object.assign(new Event("track"), { track: receiver.track, receiver, transceiver, streams }))
    }
  }
}

/** By section, of those in which something is sent. */
const streamsOf = (sdp: string) =>
  new Map(
    Sdp.sections(sdp)
      .filter(Sdp.isSending)
      .map(({ mid, streamId }) => [mid, streamId])
  )

export const makeWith =
  (mode: "single" | "dual"): MakeMediaClient =>
  async ({ onMedia, onReconnected }) => {
    const { nonstandard, ...globals } = wrtc
    Object.assign(globalThis, globals, { RTCPeerConnection: PeerConnection })
    // What wrtc lacks of a browser.
    Object.assign(wrtc.MediaStreamTrack.prototype, {
      getConstraints: () => ({}),
      getCapabilities: () => ({}),
      applyConstraints: () => Promise.resolve()
    })
    const { Room, RoomEvent, setLogLevel } = await import("livekit-client")
    setLogLevel("silent")
    // Its tracks ask for the statistics of their receivers now and then, which wrtc does not have.
    process.on("unhandledRejection", (error) => {
      if (!(error instanceof Error && error.message.startsWith("Not yet implemented"))) throw error
    })
    const room = new Room({ singlePeerConnection: mode === "single" })
    room.on(RoomEvent.Reconnected, onReconnected)
    const sinks: Array<unknown> = []
    room.on(RoomEvent.TrackSubscribed, ({ kind, mediaStreamTrack }) => {
      if (kind === "audio") {
        const count = every(20, () => onMedia("audio"))
        const sink = new nonstandard.RTCAudioSink(mediaStreamTrack)
        sink.ondata = ({ samples }: { readonly samples: Int16Array }) => (isLoud(samples) ? count() : undefined)
        sinks.push(sink)
      } else {
        const sink = new nonstandard.RTCVideoSink(mediaStreamTrack)
        sink.onframe = every(5, () => onMedia("video"))
        sinks.push(sink)
      }
    })
    return {
      connect: (url, token) => room.connect(url, token),
      publish: async () => {
        const audio = new nonstandard.RTCAudioSource()
        const video = new nonstandard.RTCVideoSource()
        const microphone = audio.createTrack()
        const camera = video.createTrack()
        let index = 0
        setInterval(() => {
          audio.onData({ samples: toneAt(index), sampleRate })
          if (index++ % 5 === 0) video.onFrame({ ...size, data: pictureAt(index) })
        }, 10)
        await room.localParticipant.publishTrack(microphone, { name: "tone" })
        await room.localParticipant.publishTrack(camera, { name: "grey", simulcast: false, videoCodec: "vp8" })
      }
    }
  }
