/**
 * A W3C WebSocket without a network: the far end hears what the client does, and does the rest by hand.
 */
import type { WebSocketEvent, WebSocketEventType, WebSocketLike } from "../WebSocketConstructor.ts"

/**
 * What a client did on its socket.
 *
 * @category models
 */
export type ClientFrame =
  | { readonly _tag: "Frame"; readonly bytes: Uint8Array }
  | { readonly _tag: "Closed"; readonly code: number; readonly reason: string }

export class InMemoryWebSocket implements WebSocketLike {
  binaryType = "blob"
  readyState = 0
  readonly #listeners = new Map<WebSocketEventType, Set<(event: WebSocketEvent) => void>>()
  readonly #early: Array<ClientFrame> = []
  #listen: ((frame: ClientFrame) => void) | undefined = undefined

  /** Hears from now on what the client does, and first what it has done. */
  listen(listen: (frame: ClientFrame) => void) {
    this.#listen = listen
    for (const frame of this.#early.splice(0)) listen(frame)
  }

  #tell(frame: ClientFrame) {
    if (this.#listen === undefined) this.#early.push(frame)
    else this.#listen(frame)
  }

  addEventListener(type: WebSocketEventType, listener: (event: WebSocketEvent) => void) {
    const all = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, all.add(listener))
  }

  removeEventListener(type: WebSocketEventType, listener: (event: WebSocketEvent) => void) {
    this.#listeners.get(type)?.delete(listener)
  }

  #dispatch(type: WebSocketEventType, event: WebSocketEvent) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event)
  }

  send(bytes: Uint8Array<ArrayBuffer>) {
    if (this.readyState === 1) this.#tell({ _tag: "Frame", bytes: bytes.slice() })
  }

  close(code = 1000, reason = "") {
    if (this.readyState >= 2) return
    this.readyState = 3
    this.#tell({ _tag: "Closed", code, reason })
    this.#dispatch("close", { code, reason })
  }

  opened() {
    if (this.readyState !== 0) return
    this.readyState = 1
    this.#dispatch("open", {})
  }

  receive(data: Uint8Array | string) {
    if (this.readyState !== 1) return
    this.#dispatch("message", { data: typeof data === "string" ? data : data.slice().buffer })
  }

  closedByPeer(code: number, reason: string) {
    if (this.readyState === 3) return
    const failed = this.readyState === 0
    this.readyState = 3
    if (failed) this.#dispatch("error", {})
    this.#dispatch("close", { code, reason })
  }
}
