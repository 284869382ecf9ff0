import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, References, Stream } from "effect"
import * as FastCheck from "fast-check"
import type { DataChannel } from "effect-livekit"
import { ReliableLog, ReliableSender } from "effect-livekit"

describe("ReliableLog", () => {
  it("keeps every entry in order whatever is done to it, and never drops what was not handed over", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(operation, { maxLength: 300 }), (operations) => {
        const log = new ReliableLog.ReliableLog()
        let kept: Array<number> = []
        let unsent: Array<number> = []
        let next = 1
        for (const [name, amount] of operations) {
          if (name === "append") {
            assert.strictEqual(log.append(new Uint8Array(10)).sequence, next)
            unsent.push(next++)
          } else if (name === "advance") {
            log.advance(0)
            kept.push(...unsent.splice(0, 1))
          } else if (name === "acknowledge") {
            log.acknowledge(amount)
            kept = kept.filter((sequence) => sequence > amount)
          } else if (name === "trim") {
            log.trim(amount * 10)
            kept = kept.slice(Math.max(0, kept.length - amount))
          } else {
            log.rewind()
            unsent = [...kept, ...unsent]
            kept = []
          }
          assert.deepStrictEqual(
            log.handed().map(({ sequence }) => sequence),
            kept
          )
          assert.deepStrictEqual(
            log.pending().map(({ sequence }) => sequence),
            unsent
          )
          assert.strictEqual(log.keptBytes, kept.length * 10)
          assert.strictEqual(log.unsentBytes, unsent.length * 10)
          assert.strictEqual(log.peek()?.sequence, unsent[0])
        }
      })
    )
  })
})

const operation = FastCheck.tuple(
  FastCheck.constantFrom("append", "append", "append", "advance", "advance", "acknowledge", "trim", "rewind"),
  FastCheck.nat(100)
)

describe("ReliableSender", () => {
  it.effect("writes in the order of sequences, whatever the number of senders", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 40 })
      sender.attach(channel)
      const fibers = yield* Effect.forEach(Array.from({ length: 50 }), () =>
        Effect.forkChild(Effect.forEach([1, 2, 3], () => sender.send(encode)))
      )
      yield* drain(channel, sender)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(written(), range(1, 150))
    })
  )

  it.effect("lets waiting senders in by turns, and leaves no gap for one that was interrupted", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 10 })
      yield* sender.send(encode)
      const waiting = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(sender.send(encode), { startImmediately: true })
      )
      const [, second] = waiting
      if (second !== undefined) yield* Fiber.interrupt(second)
      sender.attach(channel)
      yield* drain(channel, sender)
      assert.deepStrictEqual(written(), range(1, 3))
    })
  )

  it.effect("encodes a packet once, though it has to wait for room", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 10 })
      const encoded: Array<number> = []
      const counting = (sequence: number) => {
        encoded.push(sequence)
        return encode(sequence)
      }
      const waiting = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.forkChild(sender.send(counting), { startImmediately: true })
      )
      sender.attach(channel)
      yield* drain(channel, sender)
      yield* Effect.forEach(waiting, Fiber.join)
      assert.deepStrictEqual(encoded, range(1, 4))
      assert.deepStrictEqual(written(), range(1, 4))
    })
  )

  it.effect(
    "takes what is larger than the room there is while little is pending, for nothing would wake it later",
    () =>
      Effect.gen(function* () {
        const { sender } = far({ capacity: 40 })
        yield* sender.send(() => new Uint8Array(20), { whenFull: "fail" })
        yield* sender.send(() => new Uint8Array(21), { whenFull: "fail" })
        const { reason } = yield* Effect.flip(sender.send(encode, { whenFull: "fail" }))
        assert.deepInclude(reason, { _tag: "BufferFull", buffered: 41 })
      })
  )

  it.effect("keeps for a replay what the channel still buffers, and has it in doubt when the channel is gone", () =>
    Effect.gen(function* () {
      let now = 0
      const { channel, sender, written } = far({ capacity: 100, retention: 0, now: () => now })
      sender.attach(channel)
      yield* sender.send(encode)
      channel.empty()
      yield* sender.send(encode)
      assert.strictEqual(sender.replay(0), 1)
      assert.deepStrictEqual(written(), [1, 2, 2])
      now = 1
      const inDoubt = () => sender.inDoubt(1).map(({ sequence }) => sequence)
      assert.deepStrictEqual(inDoubt(), [2])
      sender.detach()
      channel.empty()
      assert.deepStrictEqual(inDoubt(), [2])
    })
  )

  it.effect("fails at once when asked not to wait, and takes no sequence for it", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 10 })
      yield* sender.send(encode)
      const { reason } = yield* sender.send(encode, { whenFull: "fail" }).pipe(Effect.flip)
      assert.deepInclude(reason, { _tag: "BufferFull", buffered: 10, capacity: 10 })
      sender.attach(channel)
      channel.empty()
      yield* sender.send(encode)
      assert.deepStrictEqual(written(), [1, 2])
    })
  )

  it.effect("refuses a packet over the limit before it takes a sequence", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 1000 })
      sender.attach(channel)
      const { reason } = yield* sender.send(() => new Uint8Array(101)).pipe(Effect.flip)
      assert.deepInclude(reason, { _tag: "PacketTooLarge", size: 101, max: 100 })
      yield* sender.send(encode)
      assert.deepStrictEqual(written(), [1])
    })
  )

  it.effect("refuses it also while there is no channel, or one that is not open yet and knows no limit", () =>
    Effect.gen(function* () {
      const { channel, sender } = far({ capacity: 1000, maxPacketSize: 0 })
      sender.attach(channel)
      sender.detach()
      const refused = sender.send(() => new Uint8Array(101)).pipe(Effect.flip)
      assert.deepInclude((yield* refused).reason, { _tag: "PacketTooLarge", size: 101, max: 100 })
      sender.attach({ ...channel, isOpen: () => false, isWritable: () => false, maxPacketSize: () => Infinity })
      assert.deepInclude((yield* refused).reason, { _tag: "PacketTooLarge", size: 101, max: 100 })
    })
  )

  it.effect("replays what the server has not seen before anything new, 0 included", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 1000 })
      sender.attach(channel)
      yield* Effect.forEach(range(1, 5), () => sender.send(encode))
      assert.strictEqual(sender.replay(3), 2)
      yield* sender.send(encode)
      assert.deepStrictEqual(written(), [1, 2, 3, 4, 5, 4, 5, 6])
      assert.strictEqual(sender.replay(0), 3)
    })
  )

  it.effect("starts a new session at 1 with what was in doubt and then what was never sent", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 1000 })
      sender.attach(channel)
      yield* Effect.forEach(range(1, 3), () => sender.send(encode))
      sender.detach()
      yield* sender.send(encode)
      const inDoubt = sender.inDoubt(0)
      sender.restart({ renumber: (_, sequence) => encode(sequence), resend: inDoubt })
      assert.deepStrictEqual(
        inDoubt.map(({ sequence }) => sequence),
        [1, 2, 3]
      )
      sender.attach(channel)
      assert.deepStrictEqual(written(), [1, 2, 3, 1, 2, 3, 4])
    })
  )

  it.effect("doubts what was handed over since a time, and what the channel still buffers however old", () =>
    Effect.gen(function* () {
      const time = { now: 0 }
      const { channel, sender } = far({ capacity: 999, now: () => time.now })
      sender.attach(channel)
      yield* sender.send(encode)
      channel.empty()
      time.now = 100
      yield* sender.send(encode)
      yield* sender.send(encode)
      const doubted = (since: number) => sender.inDoubt(since).map(({ sequence }) => sequence)
      assert.deepStrictEqual(doubted(0), [1, 2, 3])
      assert.deepStrictEqual(doubted(50), [2, 3])
      assert.deepStrictEqual(doubted(200), [2, 3], "20 bytes are buffered")
      channel.empty()
      assert.deepStrictEqual(doubted(200), [])
      sender.detach()
      assert.deepStrictEqual(doubted(50), [2, 3])
    })
  )

  it.effect("is flushed when the last of what was accepted has left the buffer, over a change of channels", () =>
    Effect.gen(function* () {
      const { channel, sender } = far({ capacity: 1000 })
      yield* sender.send(encode)
      const flushed = yield* Effect.forkChild(sender.flushed, { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(flushed.pollUnsafe(), "there is no channel")
      sender.attach(channel)
      yield* Fiber.join(flushed)
      yield* sender.flushed
    })
  )

  it.effect("is not flushed while the channel is gone that had all, nor while something is left in the next one", () =>
    Effect.gen(function* () {
      const { channel, sender } = far({ capacity: 20 })
      const drained = yield* Latch.make(false)
      sender.attach({ ...channel, drained: drained.await })
      yield* sender.send(encode)
      const flushed = yield* Effect.forkChild(sender.flushed, { startImmediately: true })
      channel.empty()
      sender.detach()
      yield* drained.open
      yield* Effect.yieldNow
      assert.isUndefined(flushed.pollUnsafe())
      sender.attach({ ...channel, drained: Effect.yieldNow })
      sender.replay(0)
      yield* Effect.yieldNow
      assert.isUndefined(flushed.pollUnsafe())
      channel.empty()
      yield* Fiber.join(flushed)
    })
  )

  it.effect(
    "is not flushed by a channel that closes with something in its buffer, and does not ask it again and again",
    () =>
      Effect.gen(function* () {
        const { channel, sender } = far({ capacity: 20 })
        let asked = 0
        const drained = Effect.sync(() => void asked++)
        sender.attach({ ...channel, isOpen: () => false, drained })
        yield* sender.send(encode)
        const flushed = yield* Effect.forkChild(sender.flushed, { startImmediately: true })
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
        assert.isUndefined(flushed.pollUnsafe())
        assert.isAtMost(asked, 1)
        sender.detach()
        channel.empty()
        sender.attach(channel)
        yield* Fiber.join(flushed)
      })
  )

  it.effect("writes what it lets in that waited: nothing else would call for it", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 10 })
      sender.attach(channel)
      yield* sender.send(encode)
      const waiting = yield* Effect.forkChild(sender.send(encode), { startImmediately: true })
      channel.empty()
      sender.flush()
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(written(), [1, 2])
    })
  )

  it.effect("writes nothing more to a channel that has refused bytes, nor to that of a session that is over", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 1000 })
      let refuses = true
      const sendUnsafe = (bytes: Uint8Array) => {
        if (refuses) throw new Error("refused")
        channel.sendUnsafe(bytes)
      }
      sender.attach({ ...channel, sendUnsafe })
      yield* sender.send(encode)
      refuses = false
      sender.flush()
      assert.deepStrictEqual(written(), [])
      sender.attach(channel)
      sender.restart({ renumber: (bytes) => bytes, resend: [] })
      yield* sender.send(encode)
      assert.deepStrictEqual(written(), [1])
    })
  )

  it.effect("wakes waiting senders with a failure when the connection ends", () =>
    Effect.gen(function* () {
      const { sender } = far({ capacity: 10 })
      yield* sender.send(encode)
      const waiting = yield* Effect.forkChild(Effect.flip(sender.send(encode)), { startImmediately: true })
      assert.strictEqual(sender.reset().length, 1)
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "ChannelClosed")
    })
  )

  it.effect("accepts nothing between the end of a connection and the channel of the next one", () =>
    Effect.gen(function* () {
      const { channel, sender, written } = far({ capacity: 10 })
      sender.reset()
      assert.strictEqual((yield* Effect.flip(sender.send(encode))).reason._tag, "ChannelClosed")
      sender.attach(channel)
      yield* sender.send(encode)
      assert.deepStrictEqual(written(), [1])
    })
  )

  // A fiber that has had its steps lets others have a turn: between looking for room and waiting for it, say.
  for (const opsBeforeYield of [3, 4, 5, 6, 7, 8]) {
    it.effect(`lets in, or refuses, who begins to wait just then (${opsBeforeYield} steps a turn)`, () =>
      Effect.gen(function* () {
        for (const happens of ["room", "end"] as const) {
          for (let turns = 0; turns < 12; turns++) {
            const { channel, sender } = far({ capacity: 20 })
            sender.attach(channel)
            yield* sender.send(encode)
            yield* sender.send(encode)
            const sending = yield* Effect.forkChild(Effect.exit(sender.send(encode)))
            for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
            if (happens === "room") {
              channel.empty()
              sender.flush()
            } else sender.reset()
            for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
            const exit = sending.pollUnsafe()
            assert.isDefined(exit, `a sender waits for ever, ${turns} turns before ${happens}`)
          }
        }
      }).pipe(Effect.provideService(References.MaxOpsBeforeYield, opsBeforeYield))
    )

    // Receivers drop what was counted before what they have.
    it.effect(`writes in the order in which packets were first encoded (${opsBeforeYield} steps a turn)`, () =>
      Effect.gen(function* () {
        const { channel, sender } = far({ capacity: 20 })
        const counted: Array<number> = []
        const written: Array<number> = []
        const counting = (name: number) => {
          let count: number | undefined
          return () => {
            if (count === undefined) count = counted.push(name)
            return new Uint8Array(10).fill(name)
          }
        }
        const take = channel.sendUnsafe
        const told = { ...channel, sendUnsafe: (bytes: Uint8Array) => (written.push(bytes[0] ?? 0), take(bytes)) }
        sender.attach(told)
        const senders = yield* Effect.forEach(range(0, 5), (lane) =>
          Effect.forkChild(Effect.forEach(range(1, 9), (number) => sender.send(counting(lane * 10 + number))))
        )
        for (let turn = 0; turn < 2_000 && written.length < 54; turn++) {
          channel.empty()
          sender.flush()
          yield* Effect.yieldNow
        }
        yield* Effect.forEach(senders, Fiber.join)
        assert.deepStrictEqual(written, counted)
      }).pipe(Effect.provideService(References.MaxOpsBeforeYield, opsBeforeYield))
    )
  }
})

// --- the far end: a channel that takes 20 bytes before it has to be drained ---

const encode = (sequence: number) => new Uint8Array(10).fill(sequence)

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

const far = ({
  capacity,
  maxPacketSize = 100,
  now = () => 0,
  retention = 10_000
}: {
  readonly capacity: number
  readonly maxPacketSize?: number
  readonly now?: () => number
  readonly retention?: number
}) => {
  const sequences: Array<number> = []
  const buffer = { amount: 0 }
  const channel: DataChannel.Channel & { readonly empty: () => void } = {
    label: "_reliable",
    kind: "reliable",
    id: () => 1,
    opened: Effect.void,
    closed: Effect.never,
    isOpen: () => true,
    bufferedAmount: () => buffer.amount,
    maxPacketSize: () => 100,
    drained: Effect.void,
    isWritable: () => capacity >= 1000 || buffer.amount < 20,
    send: () => Effect.void,
    sendUnsafe: (bytes) => {
      sequences.push(bytes[0] ?? 0)
      if (capacity < 1000) buffer.amount += bytes.length
    },
    messages: Stream.empty,
    empty: () => {
      buffer.amount = 0
    }
  }
  const sender = ReliableSender.make({
    capacity,
    retention,
    maxPacketSize,
    onSendFailed: () => {},
    now
  })
  return { channel, sender, written: () => sequences }
}

const drain = (channel: { readonly empty: () => void }, sender: ReliableSender.ReliableSender) =>
  Effect.forEach(
    range(1, 300),
    () =>
      Effect.andThen(
        Effect.sync(() => {
          channel.empty()
          sender.flush()
        }),
        Effect.yieldNow
      ),
    { discard: true }
  )
