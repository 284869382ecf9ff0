/**
 * `effect-livekit join`: a participant in the terminal. A line is sent to everybody, `/who` lists who is there, `/quit` leaves.
 */
import type { ParticipantInfo } from "@livekit/protocol"
import { ParticipantInfo_State } from "@livekit/protocol"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { createInterface } from "node:readline"
import type { EngineEvent } from "../EngineEvent.ts"
import { oneLine } from "../internal/redact.ts"
import { counted } from "../internal/counted.ts"
import * as NodeRTCEngine from "../node/NodeRTCEngine.ts"
import * as Packet from "../Packet.ts"
import * as RTCEngine from "../RTCEngine.ts"
import { failed } from "./CommandFailed.ts"
import * as target from "./target.ts"

export interface JoinFlags extends target.Credentials {
  readonly url: string
  readonly room: string
  readonly identity: string
  readonly topic: string
}

const print = (text: string) => Effect.sync(() => void process.stdout.write(`${oneLine(text)}\n`))

export const join = Effect.fnUntraced(
  function* (flags: JoinFlags) {
    const tokens = yield* target.tokens(flags)
    if (tokens.source === "none") {
      return yield* failed("who joins? give --token, or --api-key and --api-secret (see --help)")
    }
    const token = yield* tokens.token({ identity: flags.identity, room: flags.room })
    const engine = yield* RTCEngine.make
    const present = new Map<string, string>()
    const self = { sid: "" }
    const events = yield* engine.subscribeEvents
    const packets = yield* engine.subscribePackets
    yield* Stream.fromSubscription(events).pipe(
      Stream.runForEach((event) => Effect.forEach(describe(event, present, self), print, { discard: true })),
      Effect.forkScoped
    )
    yield* Stream.fromSubscription(packets).pipe(
      Stream.runForEach(({ packet }) => {
        const from = packet.participantIdentity === "" ? "the server" : packet.participantIdentity
        if (packet.value.case !== "user") return print(`${from} sent ${packet.value.case ?? "nothing known"}`)
        const { payload, topic } = packet.value.value
        return print(`${from}${topic === undefined ? "" : ` [${topic}]`}: ${new TextDecoder().decode(payload)}`)
      }),
      Effect.forkScoped
    )
    yield* engine.connect({ url: flags.url, token }).pipe(Effect.mapError(({ message }) => failed(message)))
    yield* print("type a line to send it, /who to see who is there, /quit to leave")

    const lines = yield* inputLines
    const act = Effect.gen(function* () {
      const line = yield* Queue.take(lines)
      if (line === "/quit" || line === undefined) return true
      if (line === "/who") {
        yield* print(present.size === 0 ? "nobody else is here" : `here: ${[...present.values()].join(", ")}`)
      } else if (line !== "") {
        yield* engine
          .sendData(Packet.user(line, { topic: flags.topic }))
          .pipe(Effect.catch(({ message }) => print(`not sent: ${message}`)))
      }
      return false
    })
    const leaving = Effect.repeat(act, { until: (isDone) => isDone })
    const ended = Effect.flatMap(engine.disconnected, ({ error }) =>
      error === undefined ? Effect.void : Effect.fail(failed(error.message))
    )
    yield* Effect.raceFirst(leaving, ended)
    // What was typed last has arrived before the goodbye.
    yield* engine.disconnectAfterFlush("5 seconds")
  },
  Effect.scoped,
  Effect.provide(NodeRTCEngine.layerServices)
)

/** Lines of the terminal; `undefined` at its end. */
const inputLines = Effect.gen(function* () {
  const lines = yield* Queue.unbounded<string | undefined>()
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const reader = createInterface({ input: process.stdin })
      reader.on("line", (line) => void Queue.offerUnsafe(lines, line))
      reader.on("close", () => void Queue.offerUnsafe(lines, undefined))
      return reader
    }),
    (reader) =>
      Effect.sync(() => {
        reader.close()
        process.stdin.unref?.()
      })
  )
  return lines
})

const nameOf = ({ identity, name }: ParticipantInfo) =>
  name === "" || name === identity ? identity : `${identity} (${name})`

/** What is to be said of an event; `present` and `self` are kept up to date. */
const describe = (event: EngineEvent, present: Map<string, string>, self: { sid: string }): ReadonlyArray<string> => {
  switch (event._tag) {
    case "Joined": {
      const { otherParticipants, participant, room, serverInfo } = event.response
      present.clear()
      self.sid = participant?.sid ?? ""
      for (const other of otherParticipants) present.set(other.sid, nameOf(other))
      const here = present.size === 0 ? "nobody else is here" : `here: ${[...present.values()].join(", ")}`
      return [
        `joined ${room?.name ?? ""} as ${participant?.identity ?? ""} (server ${serverInfo?.version ?? "unknown"}); ${here}`
      ]
    }
    case "ParticipantsUpdated":
      return event.participants.flatMap((participant) => {
        const { identity, sid, state } = participant
        if (state === ParticipantInfo_State.DISCONNECTED) return present.delete(sid) ? [`${identity} left`] : []
        if (present.has(sid) || sid === self.sid) return []
        present.set(sid, nameOf(participant))
        return [`${nameOf(participant)} is here`]
      })
    case "Resuming":
    case "Reconnecting":
      return [`the connection is being restored (${event.cause._tag})`]
    case "Resumed":
    case "Reconnected":
      return ["connected again"]
    case "InDoubt":
      return [`may not have arrived: ${counted(event.sequences.length, "packet")}${event.resent ? ", sent again" : ""}`]
    case "Disconnected":
      return ["disconnected"]
    default:
      return []
  }
}
