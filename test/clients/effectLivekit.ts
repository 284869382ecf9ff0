/**
 * This library's engine, on one of its Node runtimes.
 */
import { Effect, Exit, type Layer, ManagedRuntime, Redacted, Scope, Stream } from "effect"
import { Packet, RTCEngine } from "effect-livekit"
import type { Change, MakeClient } from "./Client.ts"

/** What the engine needs, whichever runtime it is on. */
export type Services = Exclude<Effect.Services<typeof RTCEngine.make>, Scope.Scope>

const changes: Readonly<Record<string, Change>> = {
  Resuming: "reconnecting",
  Reconnecting: "reconnecting",
  Resumed: "reconnected",
  Reconnected: "reconnected",
  Disconnected: "disconnected"
}

export const makeWith = (layer: Layer.Layer<Services>): MakeClient => {
  const runtime = ManagedRuntime.make(layer)
  return ({ onChange, onData }) =>
    runtime.runPromise(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const engine = yield* RTCEngine.make.pipe(Scope.provide(scope))
        const packets = yield* engine.subscribePackets.pipe(Scope.provide(scope))
        const events = yield* engine.subscribeEvents.pipe(Scope.provide(scope))
        yield* Stream.fromSubscription(packets).pipe(
          Stream.runForEachArray((all) =>
            Effect.sync(() => {
              for (const { packet } of all) {
                if (packet.value.case !== "user") continue
                const { payload, topic } = packet.value.value
                onData({ bytes: payload, identity: packet.participantIdentity, topic })
              }
            })
          ),
          Effect.forkIn(scope)
        )
        yield* Stream.fromSubscription(events).pipe(
          Stream.runForEach(({ _tag }) =>
            Effect.sync(() => {
              const change = changes[_tag]
              if (change !== undefined) onChange(change)
            })
          ),
          Effect.forkIn(scope)
        )
        const kindOf = (reliable: boolean) => ({ kind: reliable ? "reliable" : "lossy" }) as const
        return {
          connect: (url, token) =>
            engine
              .connect({ url, token: Redacted.make(token) })
              .pipe(Scope.provide(scope), Effect.asVoid, runtime.runPromise),
          send: (bytes, { reliable, topic }) =>
            runtime.runPromise(engine.sendData(Packet.user(bytes, { topic }), kindOf(reliable))),
          sendAll: (all, { reliable, topic }) =>
            runtime.runPromise(
              Effect.gen(function* () {
                const kind = kindOf(reliable)
                for (const bytes of all) yield* engine.sendData(Packet.user(bytes, { topic }), kind)
              })
            ),
          disconnect: () => runtime.runPromise(Scope.close(scope, Exit.void))
        }
      })
    )
}
