/**
 * A tab behind another one, where timers take a second and more, and one that the browser has frozen.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { Packet } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { WrtcPeerConnection } from "effect-livekit/wrtc"
import type { Page } from "playwright-core"
import { connected, makeBob, mount, received, send } from "./mounted.ts"
import * as Pages from "./pages.ts"
import * as Tabs from "./tabs.ts"

const services = Layer.mergeAll(NodeRTCEngine.layerServices, NodeDataChannel.layer, Pages.layer)

/** Milliseconds that the slowest of some timers of 10 ms takes in a page. */
const slowestTimer = (page: Page) =>
  Effect.promise(() =>
    page.evaluate(async () => {
      let slowest = 0
      for (let index = 0; index < 3; index++) {
        const started = performance.now()
        await new Promise((resolve) => setTimeout(resolve, 10))
        slowest = Math.max(slowest, performance.now() - started)
      }
      return slowest
    })
  )

const visibility = (page: Page) => Effect.promise(() => page.evaluate(() => document.visibilityState))

/** The events of a session that was lost and found. */
const troubles = (page: Page) =>
  Effect.promise(() =>
    page.evaluate(() => {
      const { events = [] } = globalThis.app.mounted ?? {}
      return events.filter((event) => /^(Resum|Reconnect|Disconnect)/.test(event)).join(" ")
    })
  )

const isBack = (page: Page) =>
  Effect.promise(() =>
    page.waitForFunction(
      () => globalThis.app.mounted?.events.some((event) => event === "Resumed" || event === "Reconnected"),
      undefined,
      { polling: 100, timeout: 20_000 }
    )
  )

/** Milliseconds that a page stood still, by the longest pause of its timers since this was asked for. */
const watchPauses = (page: Page) =>
  Effect.promise(() => page.evaluate(() => globalThis.app.watchPauses())).pipe(
    Effect.as(Effect.promise(() => page.evaluate(() => globalThis.app.longestPause)))
  )

layer(services, { excludeTestServices: true, timeout: "1 minute" })((it) => {
  const test = (
    name: string,
    body: Effect.Effect<void, unknown, Layer.Success<typeof services> | Scope.Scope>,
    timeout = 60_000
  ) => it.effect(name, () => body, timeout)

  /** Alice in a tab, and bob elsewhere. */
  const meet = Effect.fnUntraced(function* (options: DevServer.DevServerOptions) {
    const server = yield* DevServer.make(options)
    const bob = yield* makeBob(server)
    const tabs = yield* Tabs.make
    const page = yield* tabs.open
    yield* mount(page, server, "alice")
    yield* connected(page)
    return { server, bob, tabs, page }
  })

  describe("a hidden tab", () => {
    test(
      "keeps its session for many times the time that a ping has, and hears and says what it did before",
      Effect.gen(function* () {
        const { bob, page, tabs } = yield* meet({ pingInterval: 1, pingTimeout: 2 })
        assert.strictEqual(yield* visibility(page), "visible")
        yield* tabs.hideOthers
        for (let round = 0; round < 2; round++) {
          yield* Effect.sleep(6_000)
          yield* bob.engine.sendData(Packet.user(`round ${round}`))
          yield* received(page, ["round 0", "round 1"].slice(0, round + 1))
          yield* send(page, `answer ${round}`)
          assert.strictEqual(yield* bob.heard, `answer ${round}`)
          assert.strictEqual(yield* visibility(page), "hidden")
          assert.isAbove(yield* slowestTimer(page), 500)
        }
        assert.strictEqual(yield* troubles(page), "")
      })
    )

    test(
      "is back from a cut of its signal, and hears what was said meanwhile",
      Effect.gen(function* () {
        const { bob, page, server, tabs } = yield* meet({})
        yield* tabs.hideOthers
        assert.isAbove(yield* slowestTimer(page), 500)
        yield* server.faults.dropSignal("alice")
        yield* bob.engine.sendData(Packet.user("after the cut"))
        yield* received(page, ["after the cut"])
        yield* isBack(page)
        yield* send(page, "here")
        assert.strictEqual(yield* bob.heard, "here")
        assert.strictEqual(yield* visibility(page), "hidden")
      })
    )
  })

  describe("a tab that is shown again", () => {
    test(
      "asks, and is back long before a ping would have found that nobody answers",
      Effect.gen(function* () {
        const { bob, page, server, tabs } = yield* meet({ pingInterval: 30, pingTimeout: 60 })
        yield* tabs.hideOthers
        yield* server.faults.stallSignal("alice")
        assert.strictEqual(yield* visibility(page), "hidden")
        yield* Effect.promise(() => page.bringToFront())
        yield* isBack(page)
        yield* send(page, "awake")
        assert.strictEqual(yield* bob.heard, "awake")
      })
    )
  })

  describe("a frozen tab", () => {
    for (const [runtime, layer, back] of [
      ["wrtc", WrtcPeerConnection.layer, "Resuming Resumed"],
      // The server cannot answer an ICE restart, and asks for a new join.
      ["node-datachannel", NodeDataChannel.layer, "Resuming Reconnecting Reconnected"]
    ] as const) {
      test(
        `has lost its socket to the browser when it is thawed, and is back at once and for good (${runtime})`,
        Effect.gen(function* () {
          const { bob, page, tabs } = yield* meet({ pingInterval: 1, pingTimeout: 2 }).pipe(Effect.provide(layer))
          yield* tabs.hideOthers
          const longestPause = yield* watchPauses(page)
          const devTools = yield* Effect.promise(() => tabs.context.newCDPSession(page))
          const become = (state: "frozen" | "active") =>
            Effect.promise(() => devTools.send("Page.setWebLifecycleState", { state }))
          yield* become("frozen")
          yield* Effect.sleep(7_000)
          yield* bob.engine.sendData(Packet.user("in the night"))
          yield* become("active")
          yield* received(page, ["in the night"])
          yield* isBack(page)
          yield* send(page, "awake")
          assert.strictEqual(yield* bob.heard, "awake")
          // Long enough for whatever was asked before to be answered.
          yield* Effect.sleep(5_000)
          assert.isAbove(yield* longestPause, 6_000)
          assert.strictEqual(yield* visibility(page), "hidden")
          assert.strictEqual(yield* troubles(page), back)
        })
      )
    }
  })
})
