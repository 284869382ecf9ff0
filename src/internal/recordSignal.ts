/**
 * Signal connections, and the search for regions, that tell a flight recorder what comes and goes.
 */
import { DisconnectReason, LeaveRequest_Action } from "@livekit/protocol"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { RegionUrlProvider } from "../RegionUrlProvider.ts"
import type { SignalClient } from "../SignalClient.ts"
import type { Incoming, SignalConnection } from "../SignalConnection.ts"
import type { SignalError } from "../SignalError.ts"
import { parse } from "../SignalUrl.ts"
import type { Notes } from "./FlightLog.ts"

type Request = "join" | "resume"

const originOf = (url: string): string => {
  const parsed = parse(url)
  return Result.isSuccess(parsed) ? `${parsed.success.protocol}//${parsed.success.host}` : "an invalid URL"
}

export const recordSignal = (signal: SignalClient["Service"], note: Notes): SignalClient["Service"] => {
  const dials = { count: 0 }
  const record = (
    request: Request,
    url: string,
    effect: Effect.Effect<SignalConnection, SignalError, Scope.Scope>
  ): Effect.Effect<SignalConnection, SignalError, Scope.Scope> =>
    Effect.suspend(() => {
      const dial = dials.count++
      note({ _tag: "Dialled", dial, request, origin: originOf(url) })
      return effect.pipe(
        Effect.tapError((error) => Effect.sync(() => note({ _tag: "Refused", dial, request, ...failureOf(error) }))),
        Effect.flatMap((connection) => recordConnection(connection, dial, note))
      )
    })
  return {
    ...signal,
    join: (options) => record("join", options.url, signal.join(options)),
    resume: (options) => record("resume", options.url, signal.resume(options))
  }
}

const failureOf = ({ reason }: SignalError) => ({
  reason: reason._tag,
  ...("status" in reason ? { status: reason.status } : {}),
  ...(reason._tag === "LeaveReceived"
    ? { leave: leaveOf({ action: reason.action, reason: reason.why, canReconnect: reason.recovery === "Restart" }) }
    : {})
})

const leaveOf = (leave: {
  readonly action: LeaveRequest_Action
  readonly reason: DisconnectReason
  readonly canReconnect: boolean
}) => ({
  action: LeaveRequest_Action[leave.action] ?? "unknown",
  reason: DisconnectReason[leave.reason] ?? "unknown",
  canReconnect: leave.canReconnect
})

const answerOf = ({ handshake }: SignalConnection) => {
  if (handshake._tag === "Joined") {
    const { fastPublish, subscriberPrimary } = handshake.response
    return { request: "join", fastPublish, subscriberPrimary } as const
  }
  const seen = handshake.response === undefined ? {} : { lastMessageSeq: handshake.response.lastMessageSeq }
  return { request: "resume", ...seen } as const
}

const messageOf = (incoming: Incoming) => {
  if (incoming._tag === "Malformed") return { message: "malformed" }
  const { message } = incoming
  return message.case === "leave" ? { message: "leave", leave: leaveOf(message.value) } : { message: message.case }
}

const recordConnection = Effect.fnUntraced(function* (
  connection: SignalConnection,
  dial: number,
  note: Notes
): Effect.fn.Return<SignalConnection, never, Scope.Scope> {
  note({ _tag: "Answered", dial, path: connection.path, ...answerOf(connection) })
  const incoming = yield* Queue.unbounded<Incoming, Cause.Done>()
  const probes = { count: 0 }
  yield* Queue.take(connection.incoming).pipe(
    Effect.flatMap((next) => {
      note({ _tag: "SignalReceived", dial, ...messageOf(next) })
      return Queue.offer(incoming, next)
    }),
    Effect.forever,
    Effect.catch(() => connection.end),
    Effect.flatMap((end) => {
      note({ _tag: "SignalEnded", dial, code: end._tag === "Closed" ? end.code : 3000 })
      return Queue.end(incoming)
    }),
    Effect.forkScoped
  )
  return {
    ...connection,
    incoming,
    sendUnsafe: (message) => {
      const isSent = connection.sendUnsafe(message)
      note({ _tag: "SignalSent", dial, request: message.case, isSent })
      return isSent
    },
    probe: Effect.suspend(() => {
      const call = probes.count++
      return Effect.tap(connection.probe, (answered) =>
        Effect.sync(() => note({ _tag: "Probed", dial, call, answered }))
      )
    })
  }
})

export const recordRegions = (regions: RegionUrlProvider["Service"], note: Notes): RegionUrlProvider["Service"] => {
  const calls = { count: 0 }
  return {
    ...regions,
    next: (options) =>
      Effect.suspend(() => {
        const call = calls.count++
        const sought = (found: { readonly outcome: "found" | "none" | "failed"; readonly origin?: string }) =>
          Effect.sync(() => note({ _tag: "RegionSought", call, ...found }))
        return regions.next(options).pipe(
          Effect.tap(
            Option.match({
              onNone: () => sought({ outcome: "none" }),
              onSome: (url) => sought({ outcome: "found", origin: originOf(url) })
            })
          ),
          Effect.tapError(() => sought({ outcome: "failed" }))
        )
      })
  }
}
