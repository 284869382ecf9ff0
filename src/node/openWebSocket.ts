/**
 * Node's WebSocket without two of its habits: a dial that is answered with 401 is made once more, and a socket that was closed
 * waits for ever for a far end that has fallen silent, which keeps the process alive.
 *
 * Both are seen to in the dispatcher that the runtime dials with, which undici shares under a symbol. Where there is none, the
 * WebSocket is as it is.
 */
import * as Predicate from "effect/Predicate"
import { Socket } from "node:net"

/** Milliseconds that the far end has for its own close. */
const closeTimeout = 3_000

export const openWebSocket = (url: string): WebSocket => {
  const connection: Connection = { socket: undefined }
  const dispatcher = sharedDispatcher()?.compose(
    (dispatch) => (options, handler) => dispatch(options, watch(handler, connection))
  )
  // The second argument is Node's own, and no part of the W3C's type.
  const socket: WebSocket = Reflect.construct(WebSocket, dispatcher === undefined ? [url] : [url, { dispatcher }])
  const close = socket.close.bind(socket)
  socket.close = (code, reason) => {
    close(code, reason)
    // A timer of the network socket, so that it is gone with it.
    connection.socket?.setTimeout(closeTimeout, () => connection.socket?.destroy())
  }
  return socket
}

interface Connection {
  socket: Socket | undefined
}

/** What is used of undici's dispatchers and their handlers. */
interface Dispatcher {
  readonly compose: (interceptor: (dispatch: Dispatch) => Dispatch) => unknown
}
type Dispatch = (options: unknown, handler: object) => unknown

/** There once `fetch` or a WebSocket was touched, so it is asked for at the dial. */
const sharedDispatcher = (): Dispatcher | undefined => {
  const shared: unknown =
    typeof WebSocket === "function" && Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1"))
  return isDispatcher(shared) ? shared : undefined
}

const isDispatcher = (value: unknown): value is Dispatcher =>
  Predicate.hasProperty(value, "compose") && typeof value.compose === "function"

/** A handler that keeps the network socket of the upgrade and is never told of a 401. */
const watch = (handler: object, connection: Connection): object =>
  new Proxy(handler, {
    get: (target, key): unknown => {
      const own: unknown = Reflect.get(target, key)
      return typeof own !== "function"
        ? own
        : (...parameters: ReadonlyArray<unknown>) =>
            Reflect.apply(own, target, seen(key, parameters, connection)) as unknown
    }
  })

const seen = (key: string | symbol, parameters: ReadonlyArray<unknown>, connection: Connection) => {
  // undici calls the methods of its older interface, or those of its newer one, which begin with a controller.
  if (key === "onUpgrade" || key === "onRequestUpgrade") {
    connection.socket = parameters.find((parameter) => parameter instanceof Socket)
  }
  const status = key === "onHeaders" ? 0 : key === "onResponseStart" ? 1 : -1
  // To a WebSocket all refusals are the same.
  return parameters.map((parameter, index) => (index === status && parameter === 401 ? 403 : parameter))
}
