/**
 * `@livekit/rtc-node`: LiveKit's client for Node over the Rust SDK.
 */
import { dispose, Room, RoomEvent } from "@livekit/rtc-node"
import type { Client, MakeClient } from "./Client.ts"

export const make: MakeClient = async ({ onChange, onData }) => {
  const room = new Room()
  room.on(RoomEvent.DataReceived, (bytes, participant, _, topic) =>
    onData({ bytes, identity: participant?.identity, topic })
  )
  room.on(RoomEvent.Reconnecting, () => onChange("reconnecting"))
  room.on(RoomEvent.Reconnected, () => onChange("reconnected"))
  room.on(RoomEvent.Disconnected, () => onChange("disconnected"))
  const send: Client["send"] = async (bytes, { reliable, topic }) =>
    room.localParticipant?.publishData(bytes, { reliable, ...(topic === undefined ? {} : { topic }) })
  return {
    connect: (url, token) => room.connect(url, token, { autoSubscribe: true, dynacast: false }),
    send,
    sendAll: async (packets, options) => void (await Promise.all(packets.map((bytes) => send(bytes, options)))),
    disconnect: () => room.disconnect()
  }
}

/** To be called once, when no room of this process is needed any more. */
export const end = dispose
