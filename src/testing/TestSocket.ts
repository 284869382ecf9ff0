/**
 * WebSockets that never leave the process: a {@link WebSocketConstructor} whose every dial arrives at the test as a value.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Context from "effect/Context"
import { WebSocketConstructor, type WebSocketLike } from "../WebSocketConstructor.ts"
import { type ClientFrame, InMemoryWebSocket } from "./InMemoryWebSocket.ts"

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
  readonly isOpen: () => boolean
}

/**
 * The far end of all in-memory sockets of one test.
 *
 * @example
 * ```ts
 * import { TestSocket } from "effect-livekit/testing"
 * import { Effect } from "effect"
 *
 * const greeted = Effect.gen(function* () {
 *   const { dial } = yield* TestSocket.TestSocket
 *   const client = yield* dial
 *   yield* client.open
 *   yield* client.send(new Uint8Array([1, 2, 3]))
 *   return yield* client.received
 * })
 * ```
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
 * @example
 * ```ts
 * import { HttpGet, SignalClient } from "effect-livekit"
 * import { TestSocket } from "effect-livekit/testing"
 * import { Effect, Layer } from "effect"
 *
 * const noHttp = Layer.succeed(HttpGet.HttpGet, () => Effect.never)
 * const client = SignalClient.layer.pipe(Layer.provide(noHttp), Layer.provideMerge(TestSocket.layer))
 * ```
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
      const socket = new InMemoryWebSocket()
      socket.listen((frame) => void Queue.offerUnsafe(frames, frame))
      Queue.offerUnsafe(dials, {
        url,
        open: Effect.sync(() => socket.opened()),
        refuse: Effect.sync(() => socket.closedByPeer(1006, "")),
        send: (data) => Effect.sync(() => socket.receive(data)),
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
