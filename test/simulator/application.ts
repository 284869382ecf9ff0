/**
 * What the application of a participant does in a run.
 */
import { UpdateParticipantMetadata } from "@livekit/protocol"
import { Effect, Option, Queue, Ref, Result } from "effect"
import { Packet } from "effect-livekit"
import { TestServer } from "effect-livekit/testing"
import type { Living, Record } from "./Living.ts"
import type * as Scenario from "./Scenario.ts"

export const room = "room"

/** `waiting` has what is being sent, by who sends. */
export const make = (record: Record, waiting: Map<string, string>, url: string) => {
  /** An application that wants to be in the room: it connects again whenever its connection has ended. */
  const application = Effect.fnUntraced(function* (living: Living, participant: Scenario.Participant) {
    const { departures, engine, name } = living
    const server = yield* TestServer.TestServer
    yield* Effect.sleep(participant.joinAt)
    const attempts = yield* Ref.make(0)
    const interruptAfter = yield* Ref.make(0)
    const rest = yield* Ref.make(2_000)
    const connection = Effect.gen(function* () {
      const token = yield* server.token({ identity: name, room, ttl: participant.tokenTtl })
      record(name, { _tag: "Connect", attempt: yield* Ref.updateAndGet(attempts, (before) => before + 1) })
      const limit = yield* Ref.getAndSet(interruptAfter, 0)
      const connecting = engine.connect({ url, token, connectionMode: participant.mode }).pipe(Effect.result)
      const connected = yield* limit === 0 ? Effect.asSome(connecting) : Effect.timeoutOption(connecting, limit)
      if (Option.isNone(connected)) return record(name, { _tag: "ConnectInterrupted" })
      if (Result.isFailure(connected.value)) {
        return record(name, { _tag: "ConnectFailed", error: connected.value.failure })
      }
      const departure = yield* Effect.raceFirst(Effect.as(engine.disconnected, undefined), Queue.take(departures))
      if (departure === undefined) return
      yield* Ref.set(interruptAfter, departure.interruptAfter)
      yield* Ref.set(rest, departure.rest)
      record(name, { _tag: "Depart", how: departure.how })
      if (departure.how === "disconnect") yield* engine.disconnect
    }).pipe(
      Effect.scoped,
      Effect.andThen(
        Effect.flatMap(engine.disconnected, ({ reason }) =>
          Effect.sync(() => record(name, { _tag: "Departed", reason }))
        )
      ),
      Effect.andThen(Effect.flatMap(Ref.getAndSet(rest, 2_000), Effect.sleep))
    )
    return yield* Effect.forever(connection)
  })

  const send = Effect.fnUntraced(function* (
    { engine, name }: Living,
    lane: string,
    options: Pick<Extract<Scenario.Action, { _tag: "Send" }>, "count" | "every" | "kind" | "size" | "whenFull">
  ) {
    const { kind, whenFull } = options
    for (let number = 0; number < options.count; number++) {
      const text = `${name}/${lane}/${number}`
      record(name, { _tag: "Sending", text, kind })
      waiting.set(`${name}/${lane}`, text)
      const sent = yield* engine
        .sendData(Packet.user(text.padEnd(options.size, ".")), { kind, whenFull })
        .pipe(Effect.result)
      record(
        name,
        Result.isSuccess(sent) ? { _tag: "Accepted", text, kind } : { _tag: "SendFailed", text, error: sent.failure }
      )
      waiting.delete(`${name}/${lane}`)
      if (options.every > 0) yield* Effect.sleep(options.every)
    }
  })

  const act = Effect.fnUntraced(function* (living: Living, action: Scenario.Action, index: number) {
    const { engine, name } = living
    yield* Effect.sleep(action.at)
    switch (action._tag) {
      case "Send": {
        const sending = send(living, `${index}`, action)
        return yield* action.interruptAfter === 0
          ? sending
          : Effect.timeoutOption(sending, action.interruptAfter).pipe(
              Effect.ensuring(Effect.sync(() => waiting.delete(`${name}/${index}`)))
            )
      }
      case "Request": {
        for (let number = 0; number < action.count; number++) {
          const metadata = `request ${index}/${number}`
          const result = yield* engine
            .sendRequest({ case: "updateMetadata", value: new UpdateParticipantMetadata({ metadata }) })
            .pipe(Effect.result)
          const failed = Result.isFailure(result) ? result.failure.message : undefined
          record(name, { _tag: "Request", text: metadata, failed })
          yield* Effect.sleep(action.every)
        }
        return
      }
      case "ReconnectNow":
        record(name, { _tag: "ReconnectNow" })
        return yield* engine.reconnectNow
      case "Depart":
        return void Queue.offerUnsafe(living.departures, action)
    }
  })

  return { application, send, act }
}
