/**
 * The signal connections and regions of a flight recording, as an engine finds them again: the nth dial has the outcome that the
 * nth dial had, at the time at which that was recorded.
 */
import {
  DisconnectReason,
  JoinResponse,
  LeaveRequest,
  LeaveRequest_Action,
  ParticipantInfo,
  ReconnectResponse,
  SessionDescription
} from "@livekit/protocol"
import { type Cause, Deferred, Effect, Option, Queue } from "effect"
import {
  Recovery,
  RegionError,
  type RegionUrlProvider,
  type SignalClient,
  SignalConnection,
  SignalError
} from "effect-livekit"
import type { Entry } from "effect-livekit/FlightRecording"
import { numbered } from "./numbered.ts"

type Of<Tag extends Entry["_tag"]> = Extract<Entry, { readonly _tag: Tag }>
type Leave = NonNullable<Of<"Refused">["leave"]>

export interface ReplayedSignal {
  readonly client: SignalClient.SignalClient["Service"]
  readonly regions: RegionUrlProvider.RegionUrlProvider["Service"]
  /** Lets happen what an entry says, if it is of these. */
  readonly happen: (entry: Entry) => Effect.Effect<unknown>
}

export const make = (entries: ReadonlyArray<Entry>): ReplayedSignal => {
  const dials = numbered(
    Effect.gen(function* () {
      return {
        outcome: yield* Deferred.make<SignalConnection.SignalConnection, SignalError.SignalError>(),
        incoming: yield* Queue.unbounded<SignalConnection.Incoming, Cause.Done>(),
        end: yield* Deferred.make<SignalConnection.SignalEnd>(),
        probes: numbered(Deferred.make<boolean>())
      }
    })
  )
  const sought = numbered(Deferred.make<Option.Option<string>, RegionError.RegionError>())
  const dial = Effect.flatMap(dials.next, ({ outcome }) => Deferred.await(outcome))

  const happen = Effect.fnUntraced(function* (entry: Entry) {
    switch (entry._tag) {
      case "Answered": {
        const { end, incoming, outcome, probes } = yield* dials.at(entry.dial)
        return yield* Deferred.succeed(outcome, {
          path: entry.path,
          handshake: handshakeOf(entry),
          ping: { interval: 0, timeout: 0 },
          incoming,
          end: Deferred.await(end),
          sendUnsafe: () => !Deferred.isDoneUnsafe(end),
          rtt: Effect.succeedNone,
          heardUntil: () => Infinity,
          probe: Effect.flatMap(probes.next, Deferred.await)
        })
      }
      case "Refused": {
        const { outcome } = yield* dials.at(entry.dial)
        return yield* Deferred.fail(outcome, new SignalError.SignalError({ reason: reasonOf(entry) }))
      }
      case "SignalReceived": {
        const { incoming } = yield* dials.at(entry.dial)
        const message = messageOf(entry)
        return message !== undefined && (yield* Queue.offer(incoming, message))
      }
      case "SignalEnded": {
        const { end, incoming } = yield* dials.at(entry.dial)
        yield* Deferred.succeed(end, endOf(entry))
        return yield* Queue.end(incoming)
      }
      case "Probed": {
        const { probes } = yield* dials.at(entry.dial)
        return yield* Deferred.succeed(yield* probes.at(entry.call), entry.answered)
      }
      case "RegionSought": {
        const found = yield* sought.at(entry.call)
        if (entry.outcome !== "failed") return yield* Deferred.succeed(found, Option.fromUndefinedOr(entry.origin))
        const reason = new RegionError.FetchFailed({ status: undefined, cause })
        return yield* Deferred.fail(found, new RegionError.RegionError({ reason }))
      }
      default:
        return false
    }
  })

  return {
    client: { join: () => dial, resume: () => dial },
    regions: {
      hasRegions: () => entries.some(({ _tag }) => _tag === "RegionSought"),
      next: () => Effect.flatMap(sought.next, Deferred.await),
      report: () => Effect.void
    },
    happen
  }
}

const cause = new Error("as recorded")

const handshakeOf = (entry: Of<"Answered">): SignalConnection.Handshake => {
  if (entry.request === "join") {
    const { fastPublish = false, subscriberPrimary = false } = entry
    const participant = new ParticipantInfo({ sid: "PA_replayed", identity: "replayed" })
    return { _tag: "Joined", response: new JoinResponse({ participant, subscriberPrimary, fastPublish }) }
  }
  const { lastMessageSeq } = entry
  return {
    _tag: "Resumed",
    response: lastMessageSeq === undefined ? undefined : new ReconnectResponse({ lastMessageSeq })
  }
}

/** A number of an enum of the protocol by its name. */
const numberOf = (names: Readonly<Record<string, string | number>>, name: string): number => {
  const number = names[name]
  return typeof number === "number" ? number : 0
}

const leaveOf = ({ action, canReconnect, reason }: Leave) =>
  new LeaveRequest({
    action: numberOf(LeaveRequest_Action, action),
    reason: numberOf(DisconnectReason, reason),
    canReconnect
  })

const reasonOf = (entry: Of<"Refused">): SignalError.SignalErrorReason => {
  const { leave = { action: "DISCONNECT", canReconnect: false, reason: "UNKNOWN_REASON" }, status = 0 } = entry
  const left = leaveOf(leave)
  const { action } = left
  const recovery = Recovery.ofLeave(left)
  switch (entry.reason) {
    case "InvalidUrl":
      return new SignalError.InvalidUrl({ why: "as recorded" })
    case "DialTimeout":
      return new SignalError.DialTimeout({ millis: 0 })
    case "FirstFrameTimeout":
      return new SignalError.FirstFrameTimeout({ millis: 0 })
    case "Rejected":
      return new SignalError.Rejected({ status, body: "" })
    case "UpgradeFailed":
      return new SignalError.UpgradeFailed({ status, body: "success" })
    case "SocketLost":
      return new SignalError.SocketLost({ code: 1006, why: "" })
    case "LeaveReceived":
      return new SignalError.LeaveReceived({ action, why: left.reason, regions: undefined, recovery })
    case "ProtocolViolation":
      return new SignalError.ProtocolViolation({ expected: "", got: "" })
    default:
      return new SignalError.Unreachable({ origin: "", cause })
  }
}

/** A recording has no contents, so what drives nothing is left out. */
const messageOf = ({ leave, message }: Of<"SignalReceived">): SignalConnection.Incoming | undefined => {
  switch (message) {
    case "leave":
      return leave === undefined ? undefined : { _tag: "Message", message: { case: "leave", value: leaveOf(leave) } }
    case "answer":
      return { _tag: "Message", message: { case: "answer", value: new SessionDescription({ type: "answer" }) } }
    case "offer":
      return { _tag: "Message", message: { case: "offer", value: new SessionDescription({ type: "offer" }) } }
    case "malformed":
      return { _tag: "Malformed", size: 0, cause }
    default:
      return undefined
  }
}

const endOf = ({ code }: Of<"SignalEnded">): SignalConnection.SignalEnd =>
  code === 3000 ? { _tag: "PingTimeout" } : { _tag: "Closed", code, why: "" }
