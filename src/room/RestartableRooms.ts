/**
 * Rooms that can be ended and begun anew, as those of a server process that is killed and started again.
 */
import { LeaveRequest_Action } from "@livekit/protocol"
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
  options: RoomServer.RoomServerOptions & {
    /** Hears of every trouble that is caused. */
    readonly onFault?: ((what: string) => void) | undefined
  }
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
  const tell = (what: string) => Effect.sync(() => options.onFault?.(what))
  const inRooms = (what: string, use: (faults: Faults) => Effect.Effect<void>) =>
    Effect.andThen(
      tell(what),
      Effect.flatMap(current, ({ faults }) => use(faults))
    )
  return {
    current,
    participants: (room) => Effect.flatMap(current, (rooms) => rooms.participants(room)),
    faults: {
      dropSignal: (identity) => inRooms(`drops the signal of ${identity}`, (faults) => faults.dropSignal(identity)),
      closeSignal: (identity, code) =>
        inRooms(`closes the signal of ${identity} with ${code}`, (faults) => faults.closeSignal(identity, code)),
      stallSignal: (identity) => inRooms(`stalls the signal of ${identity}`, (faults) => faults.stallSignal(identity)),
      sendRaw: (identity, frame) =>
        inRooms(`sends a frame of ${frame.length} to ${identity}`, (faults) => faults.sendRaw(identity, frame)),
      sendRawData: (identity, kind, bytes) =>
        inRooms(`sends ${bytes.length} ${kind} bytes to ${identity}`, (faults) =>
          faults.sendRawData(identity, kind, bytes)
        ),
      closeChannel: (identity, kind) =>
        inRooms(`closes the ${kind} channel of ${identity}`, (faults) => faults.closeChannel(identity, kind)),
      refuseNextResume: (identity) =>
        inRooms(`will refuse the next resume of ${identity}`, (faults) => faults.refuseNextResume(identity)),
      leave: (identity, leave) =>
        inRooms(`tells ${identity} to leave (${LeaveRequest_Action[leave.action]})`, (faults) =>
          faults.leave(identity, leave)
        ),
      refreshToken: (identity) => inRooms(`gives ${identity} a new token`, (faults) => faults.refreshToken(identity)),
      rejectNextDial: (status, body) =>
        inRooms(`will reject the next dial with ${status}`, (faults) => faults.rejectNextDial(status, body)),
      stallNextDial: inRooms("will not answer the next dial", (faults) => faults.stallNextDial),
      silenceFirstFrame: inRooms("will say nothing to the next dial", (faults) => faults.silenceFirstFrame)
    },
    stop: Effect.andThen(
      tell("stops"),
      Effect.flatMap(Ref.get(running), (before) => Scope.close(before.scope, Exit.void))
    ),
    start: Effect.andThen(
      tell("starts"),
      Effect.flatMap(begin, (next) => Ref.set(running, next))
    )
  }
})
