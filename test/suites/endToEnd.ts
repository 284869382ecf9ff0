/**
 * What two participants of one room can rely on, whatever server they are on.
 */
import { assert, it } from "@effect/vitest"
import { DisconnectReason, ParticipantInfo_State } from "@livekit/protocol"
import { Effect, Fiber, Option, PubSub, type Redacted, type Scope, Stream } from "effect"
import { type EngineEvent, Packet, type RTCEngine, type SignalClient } from "effect-livekit"

/** A room on some server, and engines to join it with. */
export interface Room<R> {
  readonly url: string
  readonly token: (
    identity: string,
    grants?: { readonly canPublishData: boolean }
  ) => Effect.Effect<Redacted.Redacted<string>>
  /** Cuts the signal connection of a participant. */
  readonly cut: (identity: string) => Effect.Effect<void>
  readonly engine: (identity: string) => Effect.Effect<RTCEngine.Engine, never, R | Scope.Scope>
}

export interface Far<R> extends Room<R> {
  /** Has the server send a participant away. */
  readonly remove: (identity: string) => Effect.Effect<void>
}

export const endToEnd = <R>(
  mode: SignalClient.ConnectionMode,
  options: {
    /** Whether runtime and server together can take up a session whose signal connection was cut. */
    readonly resumable: boolean
    /** `virtual` runs in the time of a test's Clock, which `run` lets pass. Default `live`. */
    readonly time?: "live" | "virtual"
  },
  far: Effect.Effect<Far<R>, never, R | Scope.Scope>,
  run: <A, E>(test: Effect.Effect<A, E, R | Scope.Scope>) => Effect.Effect<A, unknown>
) => {
  const { resumable, time = "live" } = options
  const participants = (name: string, test: Effect.Effect<void, unknown, R | Scope.Scope>) =>
    (time === "live" ? it.live : it.effect)(`${name} (${mode})`, () => run(test), 30_000)

  const joined = Effect.fnUntraced(function* (
    server: Far<R>,
    identity: string,
    grants?: { readonly canPublishData: boolean }
  ) {
    const engine = yield* server.engine(identity)
    const events = yield* engine.subscribeEvents
    const packets = yield* engine.subscribePackets
    const token = yield* server.token(identity, grants)
    yield* engine.connect({ url: server.url, token, connectionMode: mode })
    return { engine, events, packets }
  })

  participants(
    "delivers reliable packets once and in order, both ways",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const atBob = yield* Effect.forkChild(take(bob.packets, 200))
      const atAlice = yield* Effect.forkChild(take(alice.packets, 200))
      yield* sendNumbers(alice.engine, 0, 200)
      yield* sendNumbers(bob.engine, 0, 200)
      assert.deepStrictEqual(yield* Fiber.join(atBob), numbers(0, 200))
      assert.deepStrictEqual(yield* Fiber.join(atAlice), numbers(0, 200))
    })
  )

  participants(
    "delivers lossy packets and says who sent them, on which topic",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const first = yield* Effect.forkChild(Stream.runHead(Stream.fromSubscription(bob.packets)))
      // One lossy packet may be lost, twenty on loopback are not.
      const sending = yield* Effect.forkChild(
        Effect.forEach(
          numbers(0, 20),
          (index) =>
            alice.engine
              .sendData(Packet.user(String(index), { topic: "ticks" }), { kind: "lossy" })
              .pipe(Effect.andThen(Effect.sleep(20))),
          { discard: true }
        )
      )
      const packet = Option.getOrThrow(yield* Fiber.join(first).pipe(Effect.timeout(5_000)))
      yield* Fiber.join(sending)
      assert.strictEqual(packet.kind, "lossy")
      assert.strictEqual(packet.packet.participantIdentity, "alice")
      assert.isTrue(packet.packet.value.case === "user" && packet.packet.value.value.topic === "ticks")
    })
  )

  participants(
    "reaches only the participants that a packet names",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const carol = yield* joined(server, "carol")
      const atBob = yield* Effect.forkChild(take(bob.packets, 1))
      const atCarol = yield* Effect.forkChild(take(carol.packets, 1))
      yield* alice.engine.sendData(Packet.user("1"), { destinationIdentities: ["bob"] })
      yield* alice.engine.sendData(Packet.user("2"), { destinationIdentities: ["carol"] })
      assert.deepStrictEqual(yield* Fiber.join(atBob), [1])
      assert.deepStrictEqual(yield* Fiber.join(atCarol), [2])
    })
  )

  participants(
    "delivers to everybody what is sent on as it was received",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const carol = yield* joined(server, "carol")
      yield* alice.engine.sendData(Packet.user("1"))
      yield* alice.engine.sendData(Packet.user("2"), { destinationIdentities: ["bob"] })
      for (const _ of numbers(0, 2)) {
        const { packet } = yield* PubSub.take(bob.packets)
        if (packet.value.case !== undefined) yield* bob.engine.sendData(packet.value)
      }
      assert.deepStrictEqual(yield* take(alice.packets, 2), [1, 2])
      assert.deepStrictEqual(yield* take(carol.packets, 3), [1, 1, 2])
    })
  )

  participants(
    "sees others come and go",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const left = yield* Effect.forkChild(
        Stream.fromSubscription(alice.events).pipe(
          Stream.filter((event) => event._tag === "ParticipantsUpdated" && isGone(event, "bob")),
          Stream.runHead
        )
      )
      const bob = yield* joined(server, "bob")
      yield* bob.engine.disconnect
      assert.isTrue(Option.isSome(yield* Fiber.join(left).pipe(Effect.timeout(10_000))))
      assert.strictEqual((yield* bob.engine.disconnected).error, undefined)
    })
  )

  participants(
    "goes for good when its identity joins again, and says so",
    Effect.gen(function* () {
      const server = yield* far
      const first = yield* joined(server, "alice")
      const second = yield* joined(server, "alice")
      const end = yield* first.engine.disconnected.pipe(Effect.timeout(10_000))
      assert.strictEqual(end.reason, DisconnectReason.DUPLICATE_IDENTITY)
      assert.strictEqual(yield* second.engine.state, "Connected")
      // Each would throw the other out again, if the first came back.
      yield* Effect.sleep(1_000)
      assert.deepStrictEqual([yield* first.engine.state, yield* second.engine.state], ["Disconnected", "Connected"])
    })
  )

  participants(
    "comes back from a cut signal connection with nothing lost, duplicated or reordered",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const atBob = yield* Effect.forkChild(take(bob.packets, 300))
      // While a new session is joined the server has nobody to hand packets to, so only what alice sends is held back and
      // complete.
      const atAlice = yield* Effect.forkChild(take(alice.packets, resumable ? 300 : 1))
      const sending = yield* Effect.forkChild(
        Effect.all([sendNumbers(alice.engine, 0, 300, 2), sendNumbers(bob.engine, 0, 300, 2)], {
          concurrency: "unbounded"
        })
      )
      yield* Effect.sleep(100)
      yield* server.cut("alice")
      const back = yield* awaitEvent(alice.events, (event) => event._tag === "Resumed" || event._tag === "Reconnected")
      assert.strictEqual(back._tag, resumable ? "Resumed" : "Reconnected")
      yield* Fiber.join(sending)
      assert.deepStrictEqual(yield* Fiber.join(atBob).pipe(Effect.timeout(10_000)), numbers(0, 300))
      const seenByAlice = yield* Fiber.join(atAlice).pipe(Effect.timeout(10_000))
      assert.deepStrictEqual(seenByAlice, numbers(0, resumable ? 300 : 1))
      assert.strictEqual(yield* alice.engine.state, "Connected")
    })
  )

  participants(
    "stays away once the server has sent it away",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      yield* server.remove("bob")
      assert.strictEqual((yield* bob.engine.disconnected).reason, DisconnectReason.PARTICIPANT_REMOVED)
      yield* awaitEvent(alice.events, (event) => event._tag === "ParticipantsUpdated" && isGone(event, "bob"))
      const back = yield* Stream.fromSubscription(alice.events).pipe(
        Stream.filter(
          (event) =>
            event._tag === "ParticipantsUpdated" &&
            event.participants.some(({ identity }) => identity === "bob") &&
            !isGone(event, "bob")
        ),
        Stream.runHead,
        Effect.timeoutOption(1_000)
      )
      assert.isTrue(Option.isNone(back))
    })
  )

  participants(
    "accepts no data that the participant may not send, and delivers what others say",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const mute = yield* joined(server, "mute", { canPublishData: false })
      const atMute = yield* Effect.forkChild(take(mute.packets, 1))
      for (const kind of ["reliable", "lossy"] as const) {
        const { reason } = yield* Effect.flip(mute.engine.sendData(Packet.user("1"), { kind }))
        assert.strictEqual(reason._tag, "DataNotPermitted")
      }
      yield* alice.engine.sendData(Packet.user("2"))
      assert.deepStrictEqual(yield* Fiber.join(atMute), [2])
      assert.strictEqual((yield* mute.engine.counters).sent, 0)
    })
  )

  participants(
    "refuses a packet over the limit and goes on",
    Effect.gen(function* () {
      const server = yield* far
      const alice = yield* joined(server, "alice")
      const bob = yield* joined(server, "bob")
      const atBob = yield* Effect.forkChild(take(bob.packets, 1))
      const { reason } = yield* alice.engine.sendData(Packet.user(new Uint8Array(100_000))).pipe(Effect.flip)
      assert.isTrue(reason._tag === "PacketTooLarge" && reason.size > 100_000 && reason.max <= 65_536)
      yield* alice.engine.sendData(Packet.user("7"))
      assert.deepStrictEqual(yield* Fiber.join(atBob), [7])
    })
  )
}

const isGone = (
  { participants }: Extract<EngineEvent.EngineEvent, { _tag: "ParticipantsUpdated" }>,
  identity: string
) => participants.some((one) => one.identity === identity && one.state === ParticipantInfo_State.DISCONNECTED)

export const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

export const sendNumbers = (engine: RTCEngine.Engine, from: number, to: number, millis = 0) =>
  Effect.forEach(
    numbers(from, to),
    (index) =>
      Effect.andThen(engine.sendData(Packet.user(String(index))), millis === 0 ? Effect.void : Effect.sleep(millis)),
    { discard: true }
  )

export const take = (packets: PubSub.Subscription<Packet.ReceivedPacket>, count: number) =>
  Stream.fromSubscription(packets).pipe(
    Stream.take(count),
    Stream.map(({ packet }) =>
      packet.value.case === "user" ? Number(new TextDecoder().decode(packet.value.value.payload)) : Number.NaN
    ),
    Stream.runCollect,
    Effect.map((all) => Array.from(all))
  )

export const awaitEvent = (
  events: PubSub.Subscription<EngineEvent.EngineEvent>,
  isIt: (event: EngineEvent.EngineEvent) => boolean
) =>
  Stream.fromSubscription(events).pipe(
    Stream.filter(isIt),
    Stream.runHead,
    Effect.map(Option.getOrThrow),
    Effect.timeout(10_000)
  )
