/**
 * What the layer for browsers does with a page.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Scope } from "effect"
import { PlatformEvents } from "effect-livekit"
import { BrowserRTCEngine, PageEvents, PageScheduler, UserMedia } from "effect-livekit/browser"
import { afterEach, vi } from "vitest"

afterEach(() => vi.restoreAllMocks())

describe("fibers in a page", () => {
  const turns = Effect.repeat(Effect.yieldNow, { times: 999 })

  it.live("take turns without timers, which a hidden tab has one of in a second", () =>
    Effect.gen(function* () {
      const timers = vi.spyOn(globalThis, "setTimeout")
      yield* turns.pipe(Effect.provide(PageScheduler.layer))
      assert.strictEqual(timers.mock.calls.length, 0)
    })
  )

  it.live("take turns so in a program that is given the engine", () =>
    Effect.gen(function* () {
      const timers = vi.spyOn(globalThis, "setTimeout")
      yield* turns.pipe(Effect.provide(BrowserRTCEngine.layer))
      assert.strictEqual(timers.mock.calls.length, 0)
    })
  )

  it.live("do not take a turn that was given up", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.forever(Effect.yieldNow))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(PageScheduler.layer))
  )
})

describe("a page", () => {
  for (const [type, target, event] of [
    ["online", globalThis, "Online"],
    ["offline", globalThis, "Offline"],
    ["visibilitychange", document, "Awake"],
    ["resume", document, "Awake"],
    ["pagehide", globalThis, "Ending"]
  ] as const) {
    it(`says ${event} at ${type}, until nobody listens`, () => {
      const heard: Array<PlatformEvents.PlatformEvent> = []
      const unsubscribe = PageEvents.make().subscribe((next) => heard.push(next))
      target.dispatchEvent(new Event(type))
      assert.deepStrictEqual(heard, [event])
      unsubscribe()
      target.dispatchEvent(new Event(type))
      assert.deepStrictEqual(heard, [event])
    })
  }

  it("says nothing when it is hidden", () => {
    const heard: Array<PlatformEvents.PlatformEvent> = []
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden")
    const unsubscribe = PageEvents.make().subscribe((next) => heard.push(next))
    document.dispatchEvent(new Event("visibilitychange"))
    unsubscribe()
    assert.deepStrictEqual(heard, [])
  })

  it.live("is what an engine of the browser's layer listens to", () =>
    Effect.gen(function* () {
      const source = yield* PlatformEvents.PlatformEvents.pipe(Effect.provide(BrowserRTCEngine.layerServices))
      const heard: Array<PlatformEvents.PlatformEvent> = []
      const unsubscribe = source.subscribe((event) => heard.push(event))
      globalThis.dispatchEvent(new Event("offline"))
      unsubscribe()
      assert.deepStrictEqual(heard, ["Offline"])
    })
  )
})

describe("a track", () => {
  for (const [name, get, kind] of [
    ["of the camera", UserMedia.camera(), "video"],
    ["of the microphone", UserMedia.microphone(), "audio"]
  ] as const) {
    it.live(`${name} lives as long as its scope`, () =>
      Effect.gen(function* () {
        const track = yield* Effect.scoped(
          Effect.tap(get, (track) =>
            Effect.sync(() => {
              assert.strictEqual(track.kind, kind)
              assert.strictEqual(track.readyState, "live")
            })
          )
        )
        assert.strictEqual(track.readyState, "ended")
      })
    )
  }

  it.live("that no device can give is refused with the constraint that it fails on", () =>
    Effect.gen(function* () {
      const error = yield* UserMedia.camera({ width: { exact: 100_000 } }).pipe(Effect.scoped, Effect.flip)
      assert.deepStrictEqual(error.reason, { _tag: "Overconstrained", constraint: "width" })
      assert.include(error.message, "cannot capture the camera")
    })
  )

  for (const [name, tag] of [
    ["NotAllowedError", "Denied"],
    ["NotFoundError", "NotFound"],
    ["NotReadableError", "InUse"],
    ["TypeError", "Other"]
  ] as const) {
    it.live(`that the browser refuses with ${name} fails as ${tag}`, () =>
      Effect.gen(function* () {
        vi.spyOn(navigator.mediaDevices, "getUserMedia").mockRejectedValue(new DOMException("no", name))
        const error = yield* UserMedia.microphone().pipe(Effect.scoped, Effect.flip)
        assert.strictEqual(error.reason._tag, tag)
      })
    )
  }

  it.live("that is granted after nobody wants it any more is stopped", () =>
    Effect.gen(function* () {
      const stream = yield* Effect.promise(() => navigator.mediaDevices.getUserMedia({ video: true }))
      const answer = yield* Deferred.make<MediaStream>()
      const granted = Effect.runPromise(Deferred.await(answer))
      vi.spyOn(navigator.mediaDevices, "getUserMedia").mockReturnValue(granted)
      const scope = yield* Scope.make()
      const asking = yield* Effect.forkChild(Scope.provide(UserMedia.camera(), scope), { startImmediately: true })
      yield* Fiber.interrupt(asking)
      yield* Deferred.succeed(answer, stream)
      yield* Effect.promise(() => granted)
      assert.deepStrictEqual(
        stream.getTracks().map(({ readyState }) => readyState),
        ["ended"]
      )
    })
  )
})
