import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, PubSub, Queue, Redacted, type Scope } from "effect"
import { type EngineEvent, RTCEngine, type RtcMedia } from "effect-livekit"
import { WrtcRTCEngine } from "effect-livekit/wrtc"
import * as Child from "./clients/Child.ts"
import type { MediaKind } from "./clients/MediaClient.ts"
import type { Library } from "./clients/protocol.ts"
import * as servers from "./clients/servers.ts"
import * as TcpProxy from "./fakes/TcpProxy.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"
import { awaitEvent } from "./suites/endToEnd.ts"

const size = { width: 320, height: 240 }

type Report = { readonly _tag: "Media"; readonly kind: MediaKind } | { readonly _tag: "Reconnected" }
type Command = { readonly _tag: "Connect"; readonly url: string; readonly token: string } | { readonly _tag: "Publish" }

const makeOther = Effect.fnUntraced(function* (library: Library) {
  const media = yield* Queue.unbounded<MediaKind>()
  const reconnections = yield* Queue.unbounded<void>()
  const child = yield* Child.make<Command, Child.Answer, Report>("test/programs/otherMedia.ts", [library], {
    onEvent: (report) =>
      report._tag === "Media"
        ? void Queue.offerUnsafe(media, report.kind)
        : void Queue.offerUnsafe(reconnections, undefined)
  })
  const until = (kinds: ReadonlySet<MediaKind>): Effect.Effect<void> =>
    kinds.size === 2 ? Effect.void : Effect.flatMap(Queue.take(media), (kind) => until(new Set([...kinds, kind])))
  return {
    connect: (url: string, token: string) => child.ask({ _tag: "Connect", url, token }),
    publish: child.ask({ _tag: "Publish" }),
    /** Waits until it has heard and seen enough from now on. */
    receives: Effect.raceFirst(Effect.andThen(Queue.clear(media), until(new Set())), child.ended),
    reconnected: Effect.raceFirst(Queue.take(reconnections), child.ended)
  }
})

for (const { name, restartsIce: resumes, runtime, server } of servers.servers) {
  const layer = Layer.merge(WrtcRTCEngine.layerServices, runtime)
  for (const library of servers.libraries) {
    describe(`tracks of ${library} and of this engine on ${name}`, () => {
      const live = (title: string, test: Effect.Effect<void, unknown, Layer.Success<typeof layer> | Scope.Scope>) =>
        it.live(title, () => test.pipe(Effect.scoped, Effect.provide(layer)), 60_000)

      const both = Effect.gen(function* () {
        const { token, url } = yield* server
        const [toAlice, toBob] = [yield* TcpProxy.make(url), yield* TcpProxy.make(url)]
        const engine = yield* RTCEngine.make
        const events = yield* engine.subscribeEvents
        const bob = yield* makeOther(library)
        yield* bob.connect(toBob.url, Redacted.value(yield* token("bob")))
        yield* engine.connect({ url: toAlice.url, token: yield* token("alice") })
        return { engine, events, cut: toAlice.cut, bob: { ...bob, cut: toBob.cut } }
      })
      /** The next two tracks of Bob. */
      const subscribed = (events: PubSub.Subscription<EngineEvent.EngineEvent>) =>
        Effect.gen(function* () {
          const tracks: Array<RtcMedia.MediaTrack> = []
          while (tracks.length < 2) {
            const event = yield* PubSub.take(events)
            if (event._tag !== "TrackSubscribed") continue
            assert.strictEqual(event.track.participant.identity, "bob")
            tracks.push(event.track.track)
          }
          return tracks
        })
      const arrive = (tracks: ReadonlyArray<RtcMedia.MediaTrack>) =>
        Effect.map(Effect.forEach(tracks, wrtcMedia.arrives), (arrived) =>
          assert.deepStrictEqual(arrived.toSorted(), ["320x240", "loud"])
        )
      const publish = (engine: RTCEngine.Engine) =>
        Effect.gen(function* () {
          yield* engine.publishTrack(yield* wrtcMedia.tone)
          yield* engine.publishTrack(yield* wrtcMedia.picture(size), { video: size, codec: "vp8" })
        })

      live(
        "are heard and seen both ways",
        Effect.gen(function* () {
          const { bob, engine, events } = yield* both
          yield* publish(engine)
          yield* bob.receives
          yield* bob.publish
          yield* arrive(yield* subscribed(events))
        })
      )

      live(
        resumes
          ? "go on both ways after a cut of the other's signal connection"
          : "come both ways again when the other has joined anew after a cut",
        Effect.gen(function* () {
          const { bob, engine, events } = yield* both
          yield* publish(engine)
          yield* bob.publish
          const before = yield* subscribed(events)
          yield* arrive(before)
          yield* bob.receives
          yield* bob.cut
          yield* bob.reconnected
          yield* arrive(resumes ? before : yield* subscribed(events))
          yield* bob.receives
        })
      )

      if (resumes) {
        live(
          "go on after a cut of our signal connection",
          Effect.gen(function* () {
            const { bob, cut, engine, events } = yield* both
            yield* bob.publish
            const tracks = yield* subscribed(events)
            yield* cut
            yield* awaitEvent(events, ({ _tag }) => _tag === "Resumed")
            yield* publish(engine)
            yield* bob.receives
            yield* arrive(tracks)
          })
        )
      }
    })
  }
}
