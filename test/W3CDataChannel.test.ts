/**
 * The W3C channel adapter with channels that do what browsers and wrtc do differently.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FiberSet } from "effect"
import { TestClock } from "effect/testing"
import { adopt, type Origin, type W3CDataChannelEvent } from "../src/internal/W3CDataChannel.ts"

type Listener = (event: W3CDataChannelEvent) => void

/** A channel without the low event, as in wrtc; `bufferedAmountLowThreshold` is there only in type. */
class Channel {
  readonly label = "numbers"
  readonly id = 3
  declare bufferedAmountLowThreshold: number
  readyState: "connecting" | "open" | "closing" | "closed" = "connecting"
  bufferedAmount = 0
  binaryType = "blob"
  readonly listeners = new Map<string, Array<Listener>>()
  addEventListener(type: string, listener: Listener) {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener])
  }
  fire(type: string, event: W3CDataChannelEvent = {}) {
    for (const listener of this.listeners.get(type) ?? []) listener(event)
  }
  send(bytes: Uint8Array) {
    this.bufferedAmount += bytes.length
  }
  close() {
    this.readyState = "closed"
    this.fire("close")
  }
}

class BrowserChannel extends Channel {
  override bufferedAmountLowThreshold = 0
}

const setup = Effect.fnUntraced(function* <C extends Channel>(native: C, origin: Origin = {}) {
  const run = yield* FiberSet.makeRuntime()
  const lifetime = { isOver: false }
  const channel = adopt(native, { isOver: () => lifetime.isOver, fork: (effect) => void run(effect) }, origin)
  const heard: Array<string> = []
  const handlers = {
    onOpen: () => void heard.push("open"),
    onClose: () => void heard.push("close"),
    onError: () => void heard.push("error"),
    onMessage: (bytes: Uint8Array) => void heard.push(bytes.join()),
    onEarlyMessages: (messages: ReadonlyArray<Uint8Array>) =>
      void heard.push(`early ${messages.map((bytes) => bytes.join()).join(" ")}`),
    onBufferedAmountLow: () => void heard.push("low")
  }
  return { native, channel, heard, handlers, lifetime }
})

const message = (...bytes: ReadonlyArray<number>) => ({ data: new Uint8Array(bytes).buffer })

const scoped = <A, E>(name: string, test: Effect.Effect<A, E, Effect.Services<ReturnType<typeof setup>>>) =>
  it.effect(name, () => Effect.scoped(test))

describe("a W3C data channel", () => {
  scoped(
    "asks for array buffers and hands on their bytes, and those of a text",
    Effect.gen(function* () {
      const { channel, handlers, heard, native } = yield* setup(new Channel())
      assert.strictEqual(native.binaryType, "arraybuffer")
      channel.setHandlers(handlers)
      native.fire("message", message(1, 2))
      native.fire("message", { data: "A" })
      assert.deepStrictEqual(heard, ["1,2", "65"])
    })
  )

  scoped(
    "keeps opening, messages and closing for the first handlers, in order, and gives them once",
    Effect.gen(function* () {
      const { channel, handlers, heard, native } = yield* setup(new Channel())
      native.readyState = "open"
      native.fire("open")
      native.fire("message", message(1))
      native.fire("message", message(2))
      native.close()
      channel.setHandlers(null)
      channel.setHandlers(handlers)
      channel.setHandlers(handlers)
      assert.deepStrictEqual(heard, ["open", "1", "2", "close"])
    })
  )

  scoped(
    "opens once, whether or not the runtime says so for a channel that is open already",
    Effect.gen(function* () {
      const open = new Channel()
      open.readyState = "open"
      const { channel, handlers, heard } = yield* setup(open)
      channel.setHandlers(handlers)
      open.fire("open")
      assert.deepStrictEqual(heard, ["open"])
      assert.strictEqual(channel.id(), 3)
    })
  )

  scoped(
    "tells detached handlers, and those of a closed owner, nothing",
    Effect.gen(function* () {
      const { channel, handlers, heard, lifetime, native } = yield* setup(new Channel())
      channel.setHandlers(handlers)
      channel.setHandlers(null)
      native.fire("message", message(1))
      channel.setHandlers(handlers)
      native.fire("message", message(2))
      lifetime.isOver = true
      native.fire("message", message(3))
      native.fire("close")
      assert.deepStrictEqual(heard, ["2"])
      assert.strictEqual(channel.readyState(), "closed")
    })
  )

  scoped(
    "does not report its own closing",
    Effect.gen(function* () {
      const { channel, handlers, heard } = yield* setup(new Channel())
      channel.setHandlers(handlers)
      channel.close()
      assert.deepStrictEqual(heard, [])
      assert.strictEqual(channel.readyState(), "closed")
    })
  )

  scoped(
    "leaves the watching to a runtime that has the low event",
    Effect.gen(function* () {
      const { channel, handlers, heard, native } = yield* setup(new BrowserChannel())
      native.readyState = "open"
      channel.setHandlers(handlers)
      channel.setBufferedAmountLowThreshold(10)
      assert.strictEqual(native.bufferedAmountLowThreshold, 10)
      channel.send(new Uint8Array(20))
      native.bufferedAmount = 0
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, [])
      native.fire("bufferedamountlow")
      assert.deepStrictEqual(heard, ["low"])
    })
  )

  scoped(
    "looks for itself where the runtime does not, once per filling and only down to the threshold",
    Effect.gen(function* () {
      const { channel, handlers, heard, native } = yield* setup(new Channel())
      native.readyState = "open"
      channel.setHandlers(handlers)
      channel.setBufferedAmountLowThreshold(10)
      channel.send(new Uint8Array(10))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, [])
      channel.send(new Uint8Array(10))
      channel.send(new Uint8Array(10))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, [])
      native.bufferedAmount = 10
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, ["low"])
      channel.send(new Uint8Array(10))
      native.bufferedAmount = 0
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, ["low", "low"])
    })
  )

  scoped(
    "stops looking when the channel closes",
    Effect.gen(function* () {
      const { channel, handlers, heard, native } = yield* setup(new Channel())
      native.readyState = "open"
      channel.setHandlers(handlers)
      channel.send(new Uint8Array(10))
      native.close()
      native.bufferedAmount = 0
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(heard, ["close"])
    })
  )

  scoped(
    "hands on together what came while the runtime handed the channel over, and the rest as it comes",
    Effect.gen(function* () {
      const handedOver = yield* Deferred.make<void>()
      const { channel, handlers, heard, native } = yield* setup(new Channel(), {
        handedOver: Deferred.await(handedOver)
      })
      native.fire("message", message(3))
      channel.setHandlers(handlers)
      native.fire("message", message(1))
      assert.deepStrictEqual(heard, [])
      yield* Deferred.succeed(handedOver, undefined)
      yield* Effect.yieldNow
      native.fire("message", message(4))
      assert.deepStrictEqual(heard, ["early 3 1", "4"])
    })
  )

  scoped(
    "loses nothing that came during the handover of a channel that closes",
    Effect.gen(function* () {
      const { channel, handlers, heard, native } = yield* setup(new Channel(), { handedOver: Effect.never })
      channel.setHandlers(handlers)
      native.fire("message", message(1))
      native.fire("close")
      assert.deepStrictEqual(heard, ["early 1", "close"])
    })
  )
})
