/**
 * The WebSocket of `ws` and not Node's own, which loses a compressed message when the server closes right after it, as LiveKit does
 * after a leave; dials twice when it is answered with 401; and, once closed, waits for ever for a silent far end.
 */
import { WebSocket } from "ws"
import type { WebSocketLike } from "../WebSocketConstructor.ts"

/** `closeTimeout`: milliseconds that the far end has for its own close. */
const options = { perMessageDeflate: false, closeTimeout: 3_000 }

export const openWebSocket = (url: string): WebSocketLike => {
  const socket = new WebSocket(url, options)
  // A socket that is closed while it dials says so by an error, which ends the process where nobody listens.
  socket.on("error", () => {})
  return socket
}
