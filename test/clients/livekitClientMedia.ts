/**
 * Media of `livekit-client`, in Node over `@roamhq/wrtc`.
 */
import wrtc from "@roamhq/wrtc"
import { after, isLoud, type MakeMediaClient, pictureAt, sampleRate, size, toneAt } from "./MediaClient.ts"

export const makeWith =
  (mode: "single" | "dual"): MakeMediaClient =>
  async (onMedia) => {
    const { nonstandard, ...globals } = wrtc
    Object.assign(globalThis, globals)
    // What wrtc's tracks lack of a browser's.
    Object.assign(wrtc.MediaStreamTrack.prototype, {
      getConstraints: () => ({}),
      getCapabilities: () => ({}),
      applyConstraints: () => Promise.resolve()
    })
    const { Room, RoomEvent, setLogLevel } = await import("livekit-client")
    setLogLevel("silent")
    const room = new Room({ singlePeerConnection: mode === "single" })
    const sinks: Array<unknown> = []
    room.on(RoomEvent.TrackSubscribed, ({ kind, mediaStreamTrack }) => {
      if (kind === "audio") {
        const count = after(20, () => onMedia("audio"))
        const sink = new nonstandard.RTCAudioSink(mediaStreamTrack)
        sink.ondata = ({ samples }: { readonly samples: Int16Array }) => (isLoud(samples) ? count() : undefined)
        sinks.push(sink)
      } else {
        const sink = new nonstandard.RTCVideoSink(mediaStreamTrack)
        sink.onframe = after(5, () => onMedia("video"))
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
