/**
 * An application: a counter that everybody in the room presses, and that shows the same number to all. Each participant says how
 * often it has pressed, and says it again when somebody may have missed it.
 */
import { Effect, Ref, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"

const topic = "presses"

const pressesIn = ({ value }: Packet.ReceivedPacket["packet"]) =>
  value.case === "user" && value.value.topic === topic ? Number(new TextDecoder().decode(value.value.payload)) : 0

export const make = Effect.gen(function* () {
  const engine = yield* RTCEngine.RTCEngine
  const own = yield* Ref.make(0)
  const others = yield* Ref.make<Readonly<Record<string, number>>>({})
  const tell = Effect.flatMap(Ref.get(own), (count) => engine.sendData(Packet.user(String(count), { topic })))

  const packets = yield* engine.subscribePackets
  yield* Stream.fromSubscription(packets).pipe(
    Stream.runForEach(({ packet }) =>
      Ref.update(others, (known) => ({ ...known, [packet.participantIdentity]: pressesIn(packet) }))
    ),
    Effect.forkScoped
  )
  const events = yield* engine.subscribeEvents
  yield* Stream.fromSubscription(events).pipe(
    Stream.filter(({ _tag }) => _tag === "PostReconnect" || _tag === "ParticipantsUpdated"),
    Stream.runForEach(() => Effect.ignore(tell)),
    Effect.forkScoped
  )
  return {
    press: Effect.andThen(
      Ref.update(own, (count) => count + 1),
      tell
    ),
    shown: Effect.gen(function* () {
      return Object.values(yield* Ref.get(others)).reduce((sum, count) => sum + count, yield* Ref.get(own))
    })
  }
})
