/**
 * One bot in one room, as an entity of the cluster: its id is its identity, and it runs once, on whichever runner has its shard.
 */
import { DisconnectReason } from "@livekit/protocol"
import { Context, Effect, Layer, type PubSub, type Redacted, Schedule, Schema, Semaphore, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"

/** Where the rooms are, and who lets bots in. */
export class Rooms extends Context.Service<
  Rooms,
  {
    readonly url: string
    readonly token: (identity: string, room: string) => Effect.Effect<Redacted.Redacted<string>>
  }
>()("fleet/Rooms") {}

/** A runner that takes over many bots at once lets them join a few at a time. */
class Doors extends Context.Service<Doors, Semaphore.Semaphore>()("fleet/Doors") {
  static readonly layer = Layer.effect(Doors, Semaphore.make(8))
}

/**
 * Be in a room. It is answered when the bot is sent away, and until then it stays in the database, where the next runner finds it
 * when this one is gone: nobody has to say it again. Said twice it is one message.
 */
const Stay = Rpc.make("Stay", {
  payload: { room: Schema.String },
  primaryKey: ({ room }) => room
}).annotate(ClusterSchema.Persisted, true)

export const Bot = Entity.make("Bot", [Stay])

/** By which somebody who may do so sends a bot away. However else a connection ends, the bot comes back. */
const dismissals: ReadonlySet<DisconnectReason> = new Set([
  DisconnectReason.PARTICIPANT_REMOVED,
  DisconnectReason.ROOM_DELETED
])

/** Tells everybody who asks in which process it runs. Your bot does something else here. */
const serve = (engine: RTCEngine.Engine, packets: PubSub.Subscription<Packet.ReceivedPacket>) =>
  Stream.fromSubscription(packets).pipe(
    Stream.filter(({ packet }) => packet.value.case === "user" && packet.value.value.topic === "where"),
    Stream.runForEach(({ packet }) =>
      engine.sendData(Packet.user(String(process.pid), { topic: "here" }), {
        destinationIdentities: [packet.participantIdentity]
      })
    )
  )

/** Joins, and serves until the connection ends; whether the bot was sent away. */
const visit = Effect.fnUntraced(function* (identity: string, room: string) {
  const { token, url } = yield* Rooms
  const doors = yield* Doors
  const engine = yield* RTCEngine.make
  const packets = yield* engine.subscribePackets
  yield* doors.withPermit(Effect.flatMap(token(identity, room), (token) => engine.connect({ url, token })))
  yield* Effect.log(`${identity} is in ${room}`)
  yield* Effect.raceFirst(serve(engine, packets), engine.disconnected)
  const { reason } = yield* engine.disconnected
  return dismissals.has(reason)
}, Effect.scoped)

const stay = (identity: string, room: string) =>
  visit(identity, room).pipe(
    Effect.catch((error) => Effect.as(Effect.logWarning(`${identity} is not in ${room}`, error), false)),
    Effect.repeat({ schedule: Schedule.jittered(Schedule.spaced("2 seconds")), until: (dismissed) => dismissed }),
    Effect.asVoid
  )

export const layer = Bot.toLayer(
  Effect.map(Entity.CurrentAddress, ({ entityId }) => Bot.of({ Stay: ({ payload }) => stay(entityId, payload.room) }))
).pipe(Layer.provide(Doors.layer))
