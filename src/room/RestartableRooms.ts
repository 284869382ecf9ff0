/**
 * Rooms that can be ended and begun anew, as those of a server process that is killed and started again.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import type { PeerConnectionFactory } from "../PeerConnectionFactory.ts"
import type { Faults } from "./Faults.ts"
import * as RoomServer from "./RoomServer.ts"
import type { TokenVerifier } from "./TokenVerifier.ts"

export interface RestartableRooms {
  readonly current: Effect.Effect<RoomServer.RoomServer>
  readonly participants: RoomServer.RoomServer["participants"]
  readonly faults: Faults
  /** Ends all sessions without a word. */
  readonly stop: Effect.Effect<void>
  /** Begins with empty rooms. */
  readonly start: Effect.Effect<void>
}

export const make = Effect.fnUntraced(function* (
  options: RoomServer.RoomServerOptions
): Effect.fn.Return<RestartableRooms, never, Scope.Scope | PeerConnectionFactory | TokenVerifier> {
  const context = yield* Effect.context<PeerConnectionFactory | TokenVerifier>()
  const scope = yield* Effect.scope
  const begin = Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    const rooms = yield* RoomServer.make(options).pipe(Scope.provide(own), Effect.provideContext(context))
    return { scope: own, rooms }
  })
  const running = yield* Ref.make(yield* begin)
  const current = Effect.map(Ref.get(running), ({ rooms }) => rooms)
  const inRooms = (use: (faults: Faults) => Effect.Effect<void>) => Effect.flatMap(current, ({ faults }) => use(faults))
  return {
    current,
    participants: (room) => Effect.flatMap(current, (rooms) => rooms.participants(room)),
    faults: {
      dropSignal: (identity) => inRooms((faults) => faults.dropSignal(identity)),
      closeSignal: (identity, code) => inRooms((faults) => faults.closeSignal(identity, code)),
      stallSignal: (identity) => inRooms((faults) => faults.stallSignal(identity)),
      sendRaw: (identity, frame) => inRooms((faults) => faults.sendRaw(identity, frame)),
      sendRawData: (identity, kind, bytes) => inRooms((faults) => faults.sendRawData(identity, kind, bytes)),
      refuseNextResume: (identity) => inRooms((faults) => faults.refuseNextResume(identity)),
      leave: (identity, leave) => inRooms((faults) => faults.leave(identity, leave)),
      refreshToken: (identity) => inRooms((faults) => faults.refreshToken(identity)),
      rejectNextDial: (status, body) => inRooms((faults) => faults.rejectNextDial(status, body)),
      stallNextDial: inRooms((faults) => faults.stallNextDial),
      silenceFirstFrame: inRooms((faults) => faults.silenceFirstFrame)
    },
    stop: Effect.flatMap(Ref.get(running), (before) => Scope.close(before.scope, Exit.void)),
    start: Effect.flatMap(begin, (next) => Ref.set(running, next))
  }
})
