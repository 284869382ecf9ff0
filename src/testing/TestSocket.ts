/**
 * WebSockets that never leave the process: a {@link WebSocketConstructor} whose every dial arrives at the test as a value.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Context from "effect/Context"
import {
  WebSocketConstructor,
  type WebSocketEvent,
  type WebSocketEventType,
  type WebSocketLike
} from "../WebSocketConstructor.ts"

/**
 * What the client did on a socket.
 *
 * @category models
 */
export type ClientFrame =
  | { readonly _tag: "Frame"; readonly bytes: Uint8Array }
  | { readonly _tag: "Closed"; readonly code: number; readonly reason: string }

/**
 * One dial of the client, seen from the far end. Nothing happens on it until the far end acts.
 *
 * @category models
 */
export interface Dial {
  readonly url: URL
  /** Completes the upgrade. */
  readonly open: Effect.Effect<void>
  /** Fails the upgrade, as for any status but 101. */
  readonly refuse: Effect.Effect<void>
  /** Sends a binary (or text) frame to the client. */
  readonly send: (data: Uint8Array | string) => Effect.Effect<void>
  /** Closes from the far end. */
  readonly close: (code: number, reason?: string) => Effect.Effect<void>
  /** The next thing the client did on this socket. */
  readonly received: Effect.Effect<ClientFrame>
  readonly frames: Queue.Dequeue<ClientFrame>
  /** What the far end reads is held back (a stalled path) while true. */
  readonly isOpen: () => boolean
}

class InMemoryWebSocket implements WebSocketLike {
  binaryType = "blob"
  readyState = 0
  readonly #listeners = new Map<WebSocketEventType, Set<(event: WebSocketEvent) => void>>()
  readonly frames: Queue.Queue<ClientFrame>

  constructor(frames: Queue.Queue<ClientFrame>) {
    this.frames = frames
  }

  addEventListener(type: WebSocketEventType, listener: (event: WebSocketEvent) => void) {
    const all = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, all.add(listener))
  }

  removeEventListener(type: WebSocketEventType, listener: (event: WebSocketEvent) => void) {
    this.#listeners.get(type)?.delete(listener)
  }

  dispatch(type: WebSocketEventType, event: WebSocketEvent) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(event)
  }

  send(bytes: Uint8Array<ArrayBuffer>) {
    if (this.readyState === 1) Queue.offerUnsafe(this.frames, { _tag: "Frame", bytes: bytes.slice() })
  }

  close(code = 1000, reason = "") {
    if (this.readyState >= 2) return
    this.readyState = 3
    Queue.offerUnsafe(this.frames, { _tag: "Closed", code, reason })
    this.dispatch("close", { code, reason })
  }

  opened() {
    if (this.readyState !== 0) return
    this.readyState = 1
    this.dispatch("open", {})
  }

  closedByPeer(code: number, reason: string) {
    if (this.readyState === 3) return
    const failed = this.readyState === 0
    this.readyState = 3
    if (failed) this.dispatch("error", {})
    this.dispatch("close", { code, reason })
  }
}

/**
 * The far end of all in-memory sockets of one test.
 *
 * @category services
 */
export class TestSocket extends Context.Service<
  TestSocket,
  {
    /** The next dial of the client. */
    readonly dial: Effect.Effect<Dial>
    readonly dials: Queue.Dequeue<Dial>
  }
>()("effect-livekit/testing/TestSocket") {}

/**
 * Provides {@link TestSocket} and the {@link WebSocketConstructor} that dials it.
 *
 * @category layers
 */
export const layer: Layer.Layer<TestSocket | WebSocketConstructor> = Layer.effectContext(
  Effect.gen(function* () {
    const dials = yield* Queue.unbounded<Dial>()
    const framesOf = () => Effect.runSync(Queue.unbounded<ClientFrame>())
    const construct = (href: string): WebSocketLike => {
      const url = new URL(href)
      const frames = framesOf()
      const socket = new InMemoryWebSocket(frames)
      Queue.offerUnsafe(dials, {
        url,
        open: Effect.sync(() => socket.opened()),
        refuse: Effect.sync(() => socket.closedByPeer(1006, "")),
        send: (data) =>
          Effect.sync(() => {
            if (socket.readyState !== 1) return
            socket.dispatch("message", { data: typeof data === "string" ? data : data.slice().buffer })
          }),
        close: (code, reason = "") => Effect.sync(() => socket.closedByPeer(code, reason)),
        received: Queue.take(frames),
        frames,
        isOpen: () => socket.readyState === 1
      })
      return socket
    }
    return Context.make(WebSocketConstructor, construct).pipe(
      Context.add(TestSocket, { dial: Queue.take(dials), dials })
    )
  })
)
