/**
 * What joins two linked peer connections: connectivity checks, the handshake, messages, and the consent that is lost when the
 * path is cut.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DataChannelOptions, PeerConnectionState } from "../PeerConnectionFactory.ts"
import type { Way } from "./Direction.ts"
import type { Link } from "./Link.ts"

/**
 * Milliseconds without an answer after which a peer connection says `disconnected`, and `failed` (RFC 7675 and libwebrtc).
 */
export const consent = { disconnected: 5_000, failed: 30_000 } as const

/** What goes over an association. */
export type Message =
  | { readonly _tag: "Open"; readonly id: number; readonly label: string; readonly options: DataChannelOptions }
  | { readonly _tag: "Acknowledge"; readonly id: number }
  | { readonly _tag: "Data"; readonly id: number; readonly bytes: Uint8Array }
  | { readonly _tag: "Close"; readonly id: number }
  | { readonly _tag: "Ask"; readonly id: number }
  | { readonly _tag: "Answer"; readonly id: number }
  /** An RTP or RTCP packet. */
  | { readonly _tag: "Media"; readonly bytes: Uint8Array }

const sizeOf = (message: Message) => (message._tag === "Data" || message._tag === "Media" ? message.bytes.length : 0)

/** One of the two peer connections, as the association sees it. */
export interface End {
  readonly setState: (state: PeerConnectionState) => void
  readonly onMessage: (message: Message) => void
  /** The handshake is done: channels may be opened. */
  readonly onReady: (line: Line) => void
  /** The other end has closed. */
  readonly onGone: () => void
}

/** The way from one end to the other. */
export interface Line {
  /** In order and complete. */
  readonly send: (message: Message, onSent?: () => void) => void
  /** In any order, if at all. */
  readonly sendUnreliably: (message: Message, onSent: () => void) => void
}

export interface Association {
  /** New ICE credentials are in use at both ends: the path is looked for afresh. */
  readonly restart: () => void
  /** One end closes: the other hears of it if the path allows, and else finds out. */
  readonly leave: (end: End) => Effect.Effect<void>
}

/** The near end is the one whose way to the other is `link.up`. */
export const make = Effect.fnUntraced(function* (
  near: End,
  far: End,
  link: Link
): Effect.fn.Return<Association, never, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const path = link.open()
  const restarted = yield* Latch.make(false)
  const lifetime = { isOver: false }
  const line = Effect.fnUntraced(function* (way: Way, to: End) {
    const reliable = yield* Scope.provide(way.reliable, scope)
    const deliver = (message: Message) => () => {
      if (!lifetime.isOver) to.onMessage(message)
    }
    return {
      send: (message, onSent) => reliable(deliver(message), sizeOf(message), onSent),
      sendUnreliably: (message, onSent) => way.datagram(deliver(message), sizeOf(message), onSent)
    } satisfies Line
  })
  const ends = [
    { end: near, line: yield* line(path.up, far), to: far, way: path.up },
    { end: far, line: yield* line(path.down, near), to: near, way: path.down }
  ]
  const setStates = (state: PeerConnectionState) => {
    for (const { end } of ends) end.setState(state)
  }
  // Who is left without the other end finds out as one whose path is cut, and from when on it was.
  const isUp = () => !lifetime.isOver && path.isUp()
  const roundTrip = Effect.andThen(
    path.roundTrip,
    Effect.suspend(() => (lifetime.isOver ? Effect.never : Effect.void))
  )
  const becomes = (wanted: boolean) =>
    Stream.merge(path.up.changes, path.down.changes).pipe(
      Stream.filter(() => isUp() === wanted),
      Stream.runHead
    )
  const within = (millis: number, effect: Effect.Effect<unknown>) =>
    Effect.map(Effect.timeoutOption(effect, millis), Option.isSome)

  /** A failed path comes back only by new credentials. */
  const revive: Effect.Effect<void> = Effect.gen(function* () {
    setStates("failed")
    yield* restarted.await
    yield* check
  })
  const check: Effect.Effect<void> = Effect.gen(function* () {
    yield* restarted.close
    // New credentials come with candidates of the address that the client has now.
    yield* path.rebind
    if (!(yield* within(consent.disconnected, roundTrip))) {
      setStates("disconnected")
      if (!(yield* within(consent.failed - consent.disconnected, roundTrip))) return yield* revive
    }
    setStates("connected")
  })
  const isBackOrRestarted = (millis: number) => within(millis, Effect.raceFirst(becomes(true), restarted.await))
  const watch = Effect.gen(function* () {
    yield* Effect.raceFirst(becomes(false), restarted.await)
    if (yield* isBackOrRestarted(consent.disconnected)) return yield* check
    setStates("disconnected")
    yield* (yield* isBackOrRestarted(consent.failed - consent.disconnected)) ? check : revive
  })

  yield* Effect.gen(function* () {
    setStates("connecting")
    if (!(yield* within(consent.failed, Effect.andThen(roundTrip, roundTrip)))) yield* revive
    setStates("connected")
    for (const { end, line } of ends) end.onReady(line)
    return yield* Effect.forever(watch)
  }).pipe(Effect.forkIn(scope))

  return {
    restart: () => restarted.openUnsafe(),
    leave: Effect.fnUntraced(function* (end) {
      if (lifetime.isOver) return yield* Scope.close(scope, Exit.void)
      lifetime.isOver = true
      for (const { end: one, to, way } of ends) if (one === end) way.datagram(to.onGone)
      yield* path.reconsider
    })
  }
})
