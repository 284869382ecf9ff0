/**
 * `livekit-client`: LiveKit's client for browsers.
 */
import type { Client, MakeClient } from "./Client.ts"

/** Its default is one peer connection; `dual` makes it use two. */
export const makeWith =
  (mode: "single" | "dual"): MakeClient =>
  async ({ onChange, onData }) => {
    const { Room, RoomEvent, setLogLevel } = await import("livekit-client")
    setLogLevel("silent")
    const room = new Room({ singlePeerConnection: mode === "single" })
    room.on(RoomEvent.DataReceived, (bytes, participant, _, topic) =>
      onData({ bytes, identity: participant?.identity, topic })
    )
    // A resume is not told as "reconnecting" but as the loss of the signal connection.
    room.on(RoomEvent.SignalReconnecting, () => onChange("reconnecting"))
    room.on(RoomEvent.Reconnecting, () => onChange("reconnecting"))
    room.on(RoomEvent.Reconnected, () => onChange("reconnected"))
    room.on(RoomEvent.Disconnected, () => onChange("disconnected"))
    const send: Client["send"] = (bytes, { reliable, topic }) =>
      room.localParticipant.publishData(new Uint8Array(bytes), { reliable, ...(topic === undefined ? {} : { topic }) })
    return {
      connect: (url, token) => room.connect(url, token),
      send,
      sendAll: async (packets, options) => void (await Promise.all(packets.map((bytes) => send(bytes, options)))),
      disconnect: () => room.disconnect()
    }
  }
