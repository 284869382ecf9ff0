import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, PubSub, Queue, Redacted, type Scope } from "effect"
import { RTCEngine } from "effect-livekit"
import { WrtcRTCEngine } from "effect-livekit/wrtc"
import * as Child from "./clients/Child.ts"
import type { MediaKind } from "./clients/MediaClient.ts"
import type { Library } from "./clients/protocol.ts"
import * as servers from "./clients/servers.ts"
import * as TcpProxy from "./fakes/TcpProxy.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"
import { awaitEvent } from "./suites/endToEnd.ts"

const size = { width: 320, height: 240 }

type Command = { readonly _tag: "Connect"; readonly url: string; readonly token: string } | { readonly _tag: "Publish" }

const makeOther = Effect.fnUntraced(function* (library: Library) {
  const media = yield* Queue.unbounded<MediaKind>()
  const child = yield* Child.make<Command, Child.Answer, { readonly _tag: "Media"; readonly kind: MediaKind }>(
    "test/programs/otherMedia.ts",
    [library],
    { onEvent: ({ kind }) => void Queue.offerUnsafe(media, kind) }
  )
  return {
    connect: (url: string, token: string) => child.ask({ _tag: "Connect", url, token }),
    publish: child.ask({ _tag: "Publish" }),
    /** The next two of which it has heard or seen enough. */
    receives: Effect.raceFirst(Effect.all([Queue.take(media), Queue.take(media)]), child.ended)
  }
})

for (const { isReal, name, restartsIce: resumes, runtime, server } of servers.servers) {
  // With one peer connection livekit-client finds a track there by the identity of its receiver, which wrtc does not keep.
  const libraries = servers.libraries.filter((library) => !isReal || library !== "livekit-client single")
  const layer = Layer.merge(WrtcRTCEngine.layerServices, runtime)
  for (const library of libraries) {
    describe(`tracks of ${library} and of this engine on ${name}`, () => {
      const live = (title: string, test: Effect.Effect<void, unknown, Layer.Success<typeof layer> | Scope.Scope>) =>
        it.live(title, () => test.pipe(Effect.scoped, Effect.provide(layer)), 60_000)

      const both = Effect.gen(function* () {
        const { token, url } = yield* server
        const toAlice = yield* TcpProxy.make(url)
        const engine = yield* RTCEngine.make
        const events = yield* engine.subscribeEvents
        const bob = yield* makeOther(library)
        yield* bob.connect(url, Redacted.value(yield* token("bob")))
        yield* engine.connect({ url: toAlice.url, token: yield* token("alice") })
        return { engine, events, cut: toAlice.cut, bob }
      })
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
          assert.deepStrictEqual((yield* bob.receives).toSorted(), ["audio", "video"])
          yield* bob.publish
          const arrived: Array<string> = []
          while (arrived.length < 2) {
            const event = yield* PubSub.take(events)
            if (event._tag !== "TrackSubscribed") continue
            assert.strictEqual(event.track.participant.identity, "bob")
            arrived.push(yield* wrtcMedia.arrives(event.track.track))
          }
          assert.deepStrictEqual(arrived.toSorted(), ["320x240", "loud"])
        })
      )

      if (resumes) {
        live(
          "go on after a cut of our signal connection",
          Effect.gen(function* () {
            const { bob, cut, engine, events } = yield* both
            yield* bob.publish
            const tracks: Array<Parameters<typeof wrtcMedia.arrives>[0]> = []
            while (tracks.length < 2) {
              const event = yield* PubSub.take(events)
              if (event._tag === "TrackSubscribed") tracks.push(event.track.track)
            }
            yield* cut
            yield* awaitEvent(events, ({ _tag }) => _tag === "Resumed")
            yield* publish(engine)
            assert.deepStrictEqual((yield* bob.receives).toSorted(), ["audio", "video"])
            yield* Effect.forEach(tracks, wrtcMedia.arrives)
          })
        )
      }
    })
  }
}
