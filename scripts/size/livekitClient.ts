/** The same application of livekit-client. */
import { Room, RoomEvent } from "livekit-client"

const join = async (url: string, token: string, video: HTMLVideoElement) => {
  const room = new Room()
  room.on(RoomEvent.DataReceived, (_, participant) => console.log(participant?.identity))
  room.on(RoomEvent.TrackSubscribed, (track) => track.attach(video))
  await room.connect(url, token)
  await room.localParticipant.publishData(new TextEncoder().encode("hello"), { reliable: true })
  await room.localParticipant.setCameraEnabled(true)
}

Object.assign(globalThis, { join })
