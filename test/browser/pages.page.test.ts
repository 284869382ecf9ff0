/**
 * What becomes of a session when pages are closed, left, opened twice.
 */
import { assert, describe, layer } from "@effect/vitest"
import { DisconnectReason } from "@livekit/protocol"
import { Effect, Layer, Redacted, type Scope } from "effect"
import { Packet } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import type { Page } from "playwright-core"
import { connected, makeBob, mount, received, send } from "./mounted.ts"
import * as Pages from "./pages.ts"

const services = Layer.mergeAll(NodeRTCEngine.layerServices, NodeDataChannel.layer, Pages.layer)

layer(services, { excludeTestServices: true, timeout: "1 minute" })((it) => {
  const test = (
    name: string,
    body: Effect.Effect<void, unknown, Layer.Success<typeof services> | Scope.Scope>,
    timeout = 60_000
  ) => it.effect(name, () => body, timeout)

  describe("a page with a session", () => {
    for (const [how, leave] of [
      ["is closed", (page: Page) => page.close()],
      ["goes elsewhere", (page: Page) => page.goto(new URL("/other", page.url()).href)],
      ["is loaded again", (page: Page) => page.reload()]
    ] as const) {
      test(
        `says goodbye when it ${how}`,
        Effect.gen(function* () {
          const server = yield* DevServer.make()
          const pages = yield* Pages.make
          const bob = yield* makeBob(server)
          const page = yield* pages.open
          yield* mount(page, server, "alice")
          yield* connected(page)
          yield* Effect.promise(async () => void (await leave(page)))
          assert.strictEqual(yield* bob.left("alice"), DisconnectReason.CLIENT_INITIATED)
          assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
        })
      )
    }
  })

  describe("a Web Worker", () => {
    test(
      "loads the engine, joins a room, and packs data",
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const pages = yield* Pages.make
        const page = yield* pages.open
        const token = Redacted.value(yield* server.token({ identity: "alice", room: "room" }))
        const said = yield* Effect.promise(() =>
          page.evaluate(([url, token]) => globalThis.app.inWorker(url, token), [server.url, token] as const)
        )
        assert.deepStrictEqual(said, {
          room: "room",
          text: "packed in a worker",
          sequence: 7,
          state: "Disconnected",
          hasPage: false
        })
      })
    )
  })

  describe("two tabs", () => {
    test(
      "talk to each other, and one outlives the other",
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const pages = yield* Pages.make
        const bob = yield* makeBob(server)
        const [first, second] = [yield* pages.open, yield* pages.open]
        yield* mount(first, server, "alice")
        yield* mount(second, server, "carol")
        yield* Effect.all([connected(first), connected(second)])
        yield* send(first, "from the first")
        yield* send(second, "from the second")
        yield* received(second, ["from the first"])
        yield* received(first, ["from the second"])
        yield* Effect.promise(() => first.close())
        assert.strictEqual(yield* bob.left("alice"), DisconnectReason.CLIENT_INITIATED)
        yield* bob.engine.sendData(Packet.user("from bob"))
        yield* received(second, ["from the first", "from bob"])
      })
    )

    test(
      "with one identity leave the session to the second",
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const pages = yield* Pages.make
        const [first, second] = [yield* pages.open, yield* pages.open]
        yield* mount(first, server, "alice")
        yield* connected(first)
        yield* mount(second, server, "alice")
        yield* connected(second)
        yield* Effect.promise(() =>
          first.waitForFunction(() => globalThis.app.mounted?.events.at(-1) === "Disconnected")
        )
        assert.deepStrictEqual(yield* server.participants("room"), ["alice"])
      })
    )
  })

  describe("a component that is mounted, unmounted and mounted again", () => {
    for (const [when, wait] of [
      ["at once", Effect.void],
      // A token, a dial, a join: somewhere in the middle of it.
      ["while it connects", Effect.sleep(30)]
    ] as const) {
      test(
        `has one session (${when})`,
        Effect.gen(function* () {
          const server = yield* DevServer.make()
          const pages = yield* Pages.make
          const page = yield* pages.open
          yield* mount(page, server, "alice")
          yield* wait
          yield* Effect.promise(() => page.evaluate(() => void globalThis.app.mounted?.unmount()))
          yield* mount(page, server, "alice")
          yield* connected(page)
          const bob = yield* makeBob(server)
          yield* send(page, "here")
          assert.deepStrictEqual((yield* server.participants("room")).toSorted(), ["alice", "bob"])
          const events = yield* Effect.promise(() => page.evaluate(() => globalThis.app.mounted?.events))
          assert.strictEqual(events?.at(-1) === "Disconnected", false)
          yield* Effect.promise(() => page.evaluate(() => globalThis.app.mounted?.unmount()))
          assert.strictEqual(yield* bob.left("alice"), DisconnectReason.CLIENT_INITIATED)
          assert.deepStrictEqual(yield* server.participants("room"), ["bob"])
        })
      )
    }
  })

  describe("a page that connects and disconnects two hundred times", () => {
    test(
      "has the heap that it had",
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const pages = yield* Pages.make
        const page = yield* pages.open
        const devTools = yield* Effect.promise(() => pages.context.newCDPSession(page))
        yield* Effect.promise(() => devTools.send("Performance.enable"))
        const token = Redacted.value(yield* server.token({ identity: "alice", room: "room" }))
        const cycle = (times: number) =>
          Effect.promise(() =>
            page.evaluate(([url, token, times]) => globalThis.app.cycle(url, token, times), [
              server.url,
              token,
              times
            ] as const)
          )
        /** By the browser's own metrics, after its collector has run. */
        const heap = Effect.promise(async () => {
          for (let round = 0; round < 3; round++) await devTools.send("HeapProfiler.collectGarbage")
          const { metrics } = await devTools.send("Performance.getMetrics")
          const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN
          return { kilobytes: of("JSHeapUsedSize") / 1000, listeners: of("JSEventListeners") }
        })
        yield* cycle(40)
        const before = yield* heap
        yield* cycle(80)
        const between = yield* heap
        yield* cycle(80)
        const after = yield* heap
        console.log("heap in kB after 40, 120 and 200 cycles:", [before, between, after])
        // A session that is kept has a hundred kilobytes and more.
        assert.isBelow(after.kilobytes - before.kilobytes, 160 * 3)
        assert.isAtMost(after.listeners, before.listeners + 4)
      }),
      240_000
    )
  })
})
