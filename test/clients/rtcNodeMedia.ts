/**
 * Media of `@livekit/rtc-node`.
 */
import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  LocalVideoTrack,
  Room,
  RoomEvent,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
  VideoBufferType,
  VideoFrame,
  VideoSource,
  VideoStream
} from "@livekit/rtc-node"
import { every, isLoud, type MakeMediaClient, pictureAt, sampleRate, size, toneAt } from "./MediaClient.ts"

export const make: MakeMediaClient = async ({ onMedia, onReconnected }) => {
  const room = new Room()
  room.on(RoomEvent.Reconnected, onReconnected)
  room.on(RoomEvent.TrackSubscribed, async (track) => {
    if (track.kind === TrackKind.KIND_AUDIO) {
      const count = every(20, () => onMedia("audio"))
      for await (const frame of new AudioStream(track, sampleRate, 1)) if (isLoud(frame.data)) count()
    } else {
      const count = every(5, () => onMedia("video"))
      for await (const _ of new VideoStream(track)) count()
    }
  })
  return {
    connect: (url, token) => room.connect(url, token, { autoSubscribe: true, dynacast: false }),
    publish: async () => {
      const audio = new AudioSource(sampleRate, 1)
      const video = new VideoSource(size.width, size.height)
      const options = (source: TrackSource) => new TrackPublishOptions({ source, simulcast: false })
      const microphone = LocalAudioTrack.createAudioTrack("tone", audio)
      const camera = LocalVideoTrack.createVideoTrack("grey", video)
      await room.localParticipant?.publishTrack(microphone, options(TrackSource.SOURCE_MICROPHONE))
      await room.localParticipant?.publishTrack(camera, options(TrackSource.SOURCE_CAMERA))
      let index = 0
      const next = async (): Promise<void> => {
        const samples = toneAt(index)
        await audio.captureFrame(new AudioFrame(samples, sampleRate, 1, samples.length))
        if (index++ % 5 === 0) {
          video.captureFrame(new VideoFrame(pictureAt(index), size.width, size.height, VideoBufferType.I420))
        }
        return next()
      }
      void next()
    }
  }
}
