/**
 * One participant: an engine whose media path can be blocked, what it says, and how it fares.
 */
import { Clock, Effect, Layer, Option, Queue, Redacted, Schedule, Scope, Stream, SubscriptionRef } from "effect"
import { type EngineError, type EngineEvent, Packet, RTCEngine } from "effect-livekit"
import { BrowserPeerConnection, BrowserRTCEngine } from "effect-livekit/browser"
import * as blockablePath from "./blockablePath.ts"
import type { controlled } from "./controlled.ts"
import * as numbers from "./numbers.ts"
import * as Timeline from "./Timeline.ts"
import { words } from "./words.ts"

export interface Figures {
  /** Milliseconds. */
  readonly rtt: number | undefined
  readonly bytesInFlight: number
  readonly replayed: number
  readonly inDoubt: number
  readonly tally: numbers.Count
}

/** Something to be written down: in the log of the page, or in the chat. */
export type Note =
  | { readonly _tag: "Happened"; readonly at: number; readonly text: string }
  | { readonly _tag: "Said"; readonly by: string; readonly text: string }

export interface Participant {
  readonly identity: string
  readonly other: string
  readonly engine: RTCEngine.Engine
  readonly timeline: SubscriptionRef.SubscriptionRef<Timeline.Timeline>
  readonly figures: SubscriptionRef.SubscriptionRef<Figures>
  readonly isBlocked: SubscriptionRef.SubscriptionRef<boolean>
  /** Whether the camera is shown in place of a picture that is drawn. */
  readonly isFilming: SubscriptionRef.SubscriptionRef<boolean>
  readonly notes: Stream.Stream<Note>
  readonly join: Effect.Effect<void>
  readonly leave: Effect.Effect<void>
  readonly say: (text: string) => Effect.Effect<void>
  readonly cutSignal: Effect.Effect<void>
  readonly setBlocked: (isBlocked: boolean) => Effect.Effect<void>
  /** Writes down that something failed. */
  readonly failed: (error: { readonly message: string }) => Effect.Effect<void>
}

const room = "hall"

/** Milliseconds between two numbered packets, and between two looks at the figures. */
const pace = { numbers: 50, figures: 200 }

const decoder = new TextDecoder()

export const make = Effect.fnUntraced(function* (options: {
  readonly identity: string
  readonly other: string
  readonly server: string
  readonly control: ReturnType<typeof controlled>
  /** Whether numbered packets are sent all the time. */
  readonly hasTraffic: SubscriptionRef.SubscriptionRef<boolean>
}): Effect.fn.Return<Participant, never, Scope.Scope> {
  const { control, identity, other, server } = options
  const scope = yield* Effect.scope
  // The browser's WebRTC behind a relay; everything else of the engine is as in any page.
  const runtime = blockablePath
    .layer((address) => control("relay", { url: server, participant: identity, server: address }))
    .pipe(Layer.provide(BrowserPeerConnection.layer))
  // Fresh, or what was built for one participant would be shared by the other.
  const services = yield* BrowserRTCEngine.layerServicesWithoutDependencies.pipe(
    Layer.provide(runtime),
    Layer.provide(BrowserRTCEngine.layerPlatform),
    Layer.fresh,
    Layer.build
  )
  const engine = yield* RTCEngine.make.pipe(Effect.provideContext(services))
  const timeline = yield* SubscriptionRef.make(Timeline.empty(identity))
  const isBlocked = yield* SubscriptionRef.make(false)
  const figures = yield* SubscriptionRef.make<Figures>({
    rtt: undefined,
    bytesInFlight: 0,
    replayed: 0,
    inDoubt: 0,
    tally: numbers.none
  })
  const notes = yield* Queue.unbounded<Note>()

  const happened = Effect.fnUntraced(function* (text: string, kind?: Timeline.Mark["kind"], label = text) {
    const at = yield* Clock.currentTimeMillis
    yield* Queue.offer(notes, { _tag: "Happened", at, text: `${identity}: ${text}` })
    if (kind !== undefined)
      yield* SubscriptionRef.update(timeline, (before) => Timeline.mark(before, { at, kind, text: label }))
  })

  yield* engine.stateChanges.pipe(
    Stream.runForEach((state) =>
      Effect.flatMap(Clock.currentTimeMillis, (at) =>
        SubscriptionRef.update(timeline, (before) => Timeline.enter(before, state, at))
      )
    ),
    Effect.forkScoped
  )

  const onEvent = Effect.fnUntraced(function* (event: EngineEvent.EngineEvent) {
    const said = words(event)
    if (said !== undefined) yield* happened(said.text, said.kind, said.label)
    yield* SubscriptionRef.update(figures, (before) => {
      switch (event._tag) {
        case "Connected":
          return { ...before, tally: numbers.none }
        case "Resumed":
          return { ...before, replayed: before.replayed + event.replayed }
        case "InDoubt":
          return { ...before, inDoubt: before.inDoubt + event.sequences.length }
        default:
          return before
      }
    })
  })
  yield* Stream.fromSubscription(yield* engine.subscribeEvents).pipe(Stream.runForEach(onEvent), Effect.forkScoped)

  const onPacket = ({ packet: { participantIdentity, value } }: Packet.ReceivedPacket) => {
    if (value.case !== "user") return Effect.void
    const text = decoder.decode(value.value.payload)
    return value.value.topic === "chat"
      ? Effect.asVoid(Queue.offer(notes, { _tag: "Said", by: participantIdentity, text }))
      : SubscriptionRef.update(figures, (before) => ({
          ...before,
          tally: numbers.count(before.tally, Number.parseInt(text, 10))
        }))
  }
  yield* Stream.fromSubscription(yield* engine.subscribePackets).pipe(Stream.runForEach(onPacket), Effect.forkScoped)

  const look = Effect.gen(function* () {
    const at = yield* Clock.currentTimeMillis
    const rtt = Option.getOrUndefined(yield* engine.rtt)
    const { pendingBytes: bytesInFlight } = yield* engine.counters
    yield* SubscriptionRef.update(figures, (before) => ({ ...before, rtt, bytesInFlight }))
    yield* SubscriptionRef.update(timeline, (before) => Timeline.sample(before, { at, rtt, bytesInFlight }))
  })
  yield* look.pipe(Effect.schedule(Schedule.spaced(pace.figures)), Effect.forkScoped)

  const sendNumber = (index: number) =>
    engine.sendData(Packet.user(`${index}`.padEnd(200), { topic: "numbers" })).pipe(
      Effect.as(index + 1),
      // Not connected: the number waits for the next connection.
      Effect.orElseSucceed(() => index)
    )
  const traffic = (index: number): Effect.Effect<never> =>
    SubscriptionRef.get(options.hasTraffic).pipe(
      Effect.flatMap((isOn) => (isOn ? sendNumber(index) : Effect.succeed(index))),
      Effect.delay(pace.numbers),
      Effect.flatMap(traffic)
    )
  yield* Effect.forkScoped(traffic(0))

  const setBlocked = Effect.fnUntraced(function* (next: boolean) {
    yield* control("blockMedia", { url: server, participant: identity, isBlocked: next })
    yield* SubscriptionRef.set(isBlocked, next)
    yield* next
      ? happened("media path blocked", "trouble", "media blocked")
      : happened("media path open again", "recovery", "media open")
  })
  const failed = (error: { readonly message: string }) => happened(error.message, "trouble", "failed")
  const notJoined = (error: EngineError.EngineError) => {
    switch (error.reason._tag) {
      // Asked for twice.
      case "AlreadyConnected":
        return Effect.void
      // Left while it was connecting.
      case "Ended":
        return happened("has left")
      default:
        return failed(error)
    }
  }

  return {
    identity,
    other,
    engine,
    timeline,
    figures,
    isBlocked,
    isFilming: yield* SubscriptionRef.make(false),
    notes: Stream.fromQueue(notes),
    join: control("token", { url: server, identity, room }).pipe(
      Effect.flatMap((token) => engine.connect({ url: server, token: Redacted.make(token) })),
      Effect.matchEffect({ onFailure: notJoined, onSuccess: () => Effect.void }),
      Scope.provide(scope)
    ),
    leave: engine.disconnect,
    say: (text) =>
      engine
        .sendData(Packet.user(text, { topic: "chat" }))
        .pipe(
          Effect.andThen(Queue.offer(notes, { _tag: "Said", by: identity, text })),
          Effect.matchEffect({ onFailure: failed, onSuccess: () => Effect.void })
        ),
    cutSignal: Effect.andThen(
      happened("signal connection cut", "trouble", "signal cut"),
      Effect.asVoid(control("dropSignal", { url: server, identity }))
    ),
    setBlocked,
    failed
  }
})
