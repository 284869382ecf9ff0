import { assert, describe, it } from "@effect/vitest"
import { DataPacket } from "@livekit/protocol"
import { Context, Effect, Exit, Fiber, Layer, References, Scope, Stream } from "effect"
import * as FastCheck from "fast-check"
import { DataChannel, EngineConfig, type PeerConnectionFactory, PeerConnectionTransport } from "effect-livekit"
import * as FakeDataChannel from "./fakes/FakeDataChannel.ts"
import * as FakePeerConnection from "./fakes/FakePeerConnection.ts"

const { high, low } = DataChannel.watermarks.reliable

describe("DataChannel.open", () => {
  it.effect("asks for an ordered reliable channel and an unordered lossy one without retransmits (S41)", () =>
    Effect.gen(function* () {
      const { open, peer } = yield* far()
      yield* open({ kind: "reliable" })
      yield* open({ kind: "lossy" })
      yield* open({ kind: "lossy", label: "mine" })
      assert.deepStrictEqual(
        [...peer.channels].map(([label, { options }]) => [label, options]),
        [
          ["_reliable", { ordered: true }],
          ["_lossy", { ordered: false, maxRetransmits: 0 }],
          ["mine", { ordered: false, maxRetransmits: 0 }]
        ]
      )
    })
  )

  it.effect("completes `opened` and calls for data when the channel opens, not before", () =>
    Effect.gen(function* () {
      let calls = 0
      const { channel, fake } = yield* opening({ onWritable: () => void calls++ })
      const opened = yield* Effect.forkChild(channel.opened, { startImmediately: true })
      assert.isUndefined(opened.pollUnsafe())
      assert.deepStrictEqual([channel.isOpen(), channel.isWritable(), channel.id(), calls], [false, false, null, 0])
      fake.open()
      yield* Fiber.join(opened)
      assert.deepStrictEqual([channel.isOpen(), channel.isWritable(), channel.id(), calls], [true, true, 1, 1])
    })
  )

  it.effect("fails `opened` when the channel closes first", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opening()
      const opened = yield* Effect.forkChild(Effect.flip(channel.opened), { startImmediately: true })
      fake.closeByPeer()
      assert.deepInclude((yield* Fiber.join(opened)).reason, { _tag: "ChannelClosed", label: "_reliable" })
      yield* channel.closed
    })
  )
})

describe("DataChannel.adopt", () => {
  it.effect("takes over a channel that is open already, with what came before (S40)", () =>
    Effect.gen(function* () {
      const { adopt } = yield* far()
      const fake = FakeDataChannel.make("_reliable", "open")
      fake.receive(bytes(1))
      const channel = yield* adopt(fake.channel, { kind: "reliable" })
      fake.receive(bytes(2))
      yield* channel.opened
      fake.closeByPeer()
      assert.deepStrictEqual(lengths(yield* Stream.runCollect(channel.messages)), [1, 2])
    })
  )
})

describe("Channel.send", () => {
  it.effect("waits for the channel to open, and sends in the order of the calls", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opening()
      const senders = yield* sending(channel, [1, 2, 3])
      assert.deepStrictEqual(fake.sent, [])
      fake.open()
      yield* Effect.forEach(senders, Fiber.join)
      assert.deepStrictEqual(lengths(fake.sent), [1, 2, 3])
    })
  )

  it.effect("pauses at the high watermark and goes on only below the low one", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      yield* channel.send(bytes(high - 1))
      assert.isTrue(channel.isWritable())
      yield* channel.send(bytes(1))
      assert.isFalse(channel.isWritable())
      const [waiting] = yield* sending(channel, [7])
      fake.drainTo(low + 1)
      yield* settled
      assert.isUndefined(waiting?.pollUnsafe(), "between the watermarks nothing goes on")
      fake.drainTo(low)
      yield* settled
      assert.deepStrictEqual(lengths(fake.sent), [high - 1, 1, 7])
    })
  )

  it.effect("pauses again when the first of many waiting senders fills the channel", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      yield* channel.send(bytes(high))
      yield* sending(channel, [high, 2, 3])
      fake.drainTo(0)
      yield* settled
      assert.deepStrictEqual(lengths(fake.sent), [high, high])
      fake.drainTo(0)
      yield* settled
      assert.deepStrictEqual(lengths(fake.sent), [high, high, 2, 3])
    })
  )

  it.effect("pauses again when somebody else has filled the channel before the waiting sender could go on", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      yield* channel.send(bytes(high))
      yield* sending(channel, [1])
      yield* settled
      fake.drainTo(0)
      channel.sendUnsafe(bytes(high))
      yield* settled
      assert.deepStrictEqual(lengths(fake.sent), [high, high])
      fake.drainTo(0)
      yield* settled
      assert.deepStrictEqual(lengths(fake.sent), [high, high, 1])
      // The sender does not run to its end in one go.
    }).pipe(Effect.provideService(References.MaxOpsBeforeYield, 3))
  )

  it.effect("lets nobody pass those who wait, though there is room between the watermarks", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      yield* channel.send(bytes(high))
      yield* sending(channel, [1])
      fake.drainTo(low + 1)
      yield* sending(channel, [2])
      yield* settled
      fake.drainTo(low)
      yield* settled
      assert.deepStrictEqual(lengths(fake.sent), [high, 1, 2])
    })
  )

  it.effect("says when nothing is buffered any more, to all who wait, and at once when nothing is", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opening()
      fake.open()
      yield* channel.drained
      channel.sendUnsafe(new Uint8Array(low))
      const waiting = yield* Effect.forEach([1, 2], () => Effect.forkChild(channel.drained, { startImmediately: true }))
      fake.drainTo(1)
      yield* Effect.yieldNow
      assert.isUndefined(waiting[0]?.pollUnsafe())
      fake.drainTo(0)
      yield* Effect.forEach(waiting, Fiber.join)
      channel.sendUnsafe(bytes(2))
      const last = yield* Effect.forkChild(channel.drained, { startImmediately: true })
      fake.closeByPeer()
      yield* Fiber.join(last)
      yield* channel.drained
    })
  )

  it.effect("says it to who goes on waiting when another gives up", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      yield* channel.send(bytes(high))
      const drained = Effect.forkChild(channel.drained, { startImmediately: true })
      const [patient, other] = [yield* drained, yield* drained]
      yield* Fiber.interrupt(other)
      fake.drainTo(1)
      assert.isUndefined(patient.pollUnsafe())
      fake.drainTo(0)
      yield* Fiber.join(patient)
    })
  )

  it.effect("does not say it while something is written that had waited for room", () =>
    Effect.gen(function* () {
      const waiting: Array<() => void> = []
      const { channel, fake } = yield* opened({ onWritable: () => waiting.pop()?.() })
      waiting.push(() => channel.sendUnsafe(bytes(1)))
      yield* channel.send(bytes(high))
      const drained = yield* Effect.forkChild(channel.drained, { startImmediately: true })
      fake.drainTo(0)
      yield* Effect.yieldNow
      assert.isUndefined(drained.pollUnsafe())
      fake.drainTo(0)
      yield* Fiber.join(drained)
    })
  )

  it.effect("calls for data as early as before when nobody waits any more for the buffer to be empty", () =>
    Effect.gen(function* () {
      let calls = 0
      const { channel, fake } = yield* opened({ onWritable: () => void calls++ })
      yield* channel.send(bytes(high))
      const waiting = yield* Effect.forkChild(channel.drained, { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      fake.drainTo(low)
      assert.strictEqual(calls, 2)
      const drained = yield* Effect.forkChild(channel.drained, { startImmediately: true })
      fake.drainTo(0)
      yield* Fiber.join(drained)
      yield* channel.send(bytes(high))
      fake.drainTo(low)
      assert.strictEqual(calls, 4)
    })
  )

  it.effect("calls for data whenever the buffer has run low", () =>
    Effect.gen(function* () {
      let calls = 0
      const { channel, fake } = yield* opened({ onWritable: () => void calls++ })
      yield* channel.send(bytes(high))
      assert.strictEqual(calls, 1)
      fake.drainTo(low)
      assert.strictEqual(calls, 2)
    })
  )

  for (const interrupted of [0, 1, 2]) {
    it.effect(`sends the others in order when waiting sender ${interrupted} is interrupted`, () =>
      Effect.gen(function* () {
        const { channel, fake } = yield* opened()
        yield* channel.send(bytes(high))
        const senders = yield* sending(channel, [1, 2, 3])
        const fiber = senders[interrupted]
        if (fiber !== undefined) yield* Fiber.interrupt(fiber)
        yield* sending(channel, [4])
        fake.drainTo(0)
        yield* settled
        assert.deepStrictEqual(
          lengths(fake.sent.slice(1)),
          [1, 2, 3, 4].filter((size) => size !== interrupted + 1)
        )
      })
    )
  }

  it.effect("keeps the order of its senders whatever is interrupted and drained, and leaves none behind", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(FastCheck.array(step, { maxLength: 60 }), (steps) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const { channel, fake } = yield* opened()
              const senders: Array<Fiber.Fiber<void, unknown>> = []
              for (const { name, which } of steps) {
                if (name === "send") {
                  const payload = bytes(high / 2)
                  new DataView(payload.buffer).setUint32(0, senders.length)
                  senders.push(yield* Effect.forkChild(channel.send(payload), { startImmediately: true }))
                } else if (name === "interrupt") {
                  const fiber = senders[which % Math.max(1, senders.length)]
                  if (fiber !== undefined) yield* Fiber.interrupt(fiber)
                } else if (name === "drain") fake.drainTo(0)
                else if (name === "drainSome") fake.drainTo(high / 2)
                else yield* Effect.yieldNow
              }
              for (let rest = senders.length; rest >= 0; rest--) {
                fake.drainTo(0)
                yield* settled
              }
              const exits = yield* Effect.forEach(senders, Fiber.await)
              const delivered = exits.flatMap((exit, index) => (Exit.isSuccess(exit) ? [index] : []))
              assert.deepStrictEqual(
                fake.sent.map((payload) => new DataView(payload.buffer).getUint32(0)),
                delivered
              )
            }).pipe(Effect.scoped)
          )
        ),
        { numRuns: 50 }
      )
    )
  )

  it.effect("refuses a packet over the far end's limit or our own and stays usable (D2)", () =>
    Effect.gen(function* () {
      const { channel, fake, transport } = yield* opened({}, { maxPacketSize: 2_000 })
      assert.strictEqual(channel.maxPacketSize(), 2_000, "our own limit, before the far end has said anything")
      yield* transport.acceptOffer("v=0\r\na=max-message-size:1000\r\n")
      assert.strictEqual(channel.maxPacketSize(), 1_000)
      const { reason } = yield* Effect.flip(channel.send(bytes(1_001)))
      assert.deepInclude(reason, { _tag: "PacketTooLarge", size: 1_001, max: 1_000 })
      yield* channel.send(bytes(1_000))
      yield* transport.acceptOffer("v=0\r\na=max-message-size:0\r\n")
      assert.strictEqual(channel.maxPacketSize(), 2_000)
      assert.deepStrictEqual(lengths(fake.sent), [1_000])
    })
  )

  it.effect("goes by the limit of the moment at which the packet leaves", () =>
    Effect.gen(function* () {
      const { channel, fake, transport } = yield* opening()
      const waiting = yield* Effect.forkChild(Effect.flip(channel.send(bytes(11))), { startImmediately: true })
      yield* transport.acceptOffer("v=0\r\na=max-message-size:10\r\n")
      fake.open()
      assert.deepInclude((yield* Fiber.join(waiting)).reason, { _tag: "PacketTooLarge", max: 10 })
      assert.deepStrictEqual(fake.sent, [])
    })
  )

  it.effect("fails every sender that waits for room when the channel closes, and every later one", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      yield* channel.send(bytes(high))
      const senders = yield* sending(channel, [1, 2, 3])
      fake.closeByPeer()
      for (const sender of [...senders, ...(yield* sending(channel, [4]))]) {
        assert.deepInclude((yield* Effect.flip(Fiber.join(sender))).reason, { _tag: "ChannelClosed" })
      }
      assert.strictEqual(fake.sent.length, 1)
      assert.isFalse(channel.isWritable())
    })
  )

  it.effect("fails every sender that waits for the channel to open when it closes instead", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opening()
      const senders = yield* sending(channel, [1, 2])
      fake.closeByPeer()
      for (const sender of senders) {
        assert.deepInclude((yield* Effect.flip(Fiber.join(sender))).reason, { _tag: "ChannelClosed" })
      }
    })
  )

  it.effect("fails on a closed channel although its buffer is empty", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      fake.closeByPeer()
      assert.deepInclude((yield* Effect.flip(channel.send(bytes(1)))).reason, { _tag: "ChannelClosed" })
    })
  )

  it.effect("says what the runtime refused, and lets the next sender try (S122)", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      const cause = new Error("OperationError")
      fake.refuse(cause)
      const { reason } = yield* Effect.flip(channel.send(bytes(1)))
      assert.deepInclude(reason, { _tag: "SendFailed", label: "_reliable", cause })
      yield* channel.send(bytes(2))
      assert.deepStrictEqual(lengths(fake.sent), [2])
    })
  )
})

describe("Channel.messages", () => {
  it.effect("hands out what came, in order, and ends with the channel", () =>
    Effect.gen(function* () {
      const { channel, fake } = yield* opened()
      for (const size of [1, 2, 3]) fake.receive(bytes(size))
      fake.closeByPeer()
      assert.deepStrictEqual(lengths(yield* Stream.runCollect(channel.messages)), [1, 2, 3])
    })
  )

  it.effect("puts packets in order that the runtime mixed up while it handed the channel over", () =>
    Effect.gen(function* () {
      const { adopt } = yield* far()
      const fake = FakeDataChannel.make("_reliable", "open")
      const channel = yield* adopt(fake.channel, { kind: "reliable" })
      const packets = [3, 1, 2].map((sequence) => new DataPacket({ participantSid: "PA_a", sequence }).toBinary())
      fake.receiveEarly(packets)
      fake.closeByPeer()
      const sequences = (yield* Stream.runCollect(channel.messages)).map((each) => DataPacket.fromBinary(each).sequence)
      assert.deepStrictEqual(sequences, [1, 2, 3])
    })
  )

  it.effect("is empty when somebody takes the messages as they come", () =>
    Effect.gen(function* () {
      const taken: Array<Uint8Array> = []
      const { channel, fake } = yield* opened({ onMessage: (message) => void taken.push(message) })
      fake.receive(bytes(1))
      assert.deepStrictEqual(lengths(taken), [1])
      fake.closeByPeer()
      assert.deepStrictEqual(yield* Stream.runCollect(channel.messages), [])
    })
  )
})

describe("The scope of a channel", () => {
  it.effect("closes it, ends its messages, fails its senders, and takes nothing more from it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      let taken = 0
      let calls = 0
      const { channel, fake } = yield* opened({ onMessage: () => void taken++, onWritable: () => void calls++ }).pipe(
        Scope.provide(scope)
      )
      yield* channel.send(bytes(high))
      const [waiting] = yield* sending(channel, [1])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(fake.channel.readyState(), "closed")
      yield* channel.closed
      assert.deepStrictEqual(yield* Stream.runCollect(channel.messages), [])
      const exit = waiting === undefined ? Exit.void : yield* Fiber.await(waiting)
      assert.isTrue(Exit.isFailure(exit))
      const before = calls
      fake.receive(bytes(1))
      fake.drainTo(0)
      assert.deepStrictEqual([taken, calls], [0, before])
    })
  )
})

const step = FastCheck.record({
  name: FastCheck.constantFrom("send", "send", "send", "interrupt", "drain", "drainSome", "yield"),
  which: FastCheck.nat(20)
})

const bytes = (length: number) => new Uint8Array(length)
const lengths = (all: ReadonlyArray<Uint8Array>) => all.map(({ length }) => length)

/** Everything that can go on has gone on. */
const settled = Effect.repeat(Effect.yieldNow, { times: 20 })

const sending = (channel: DataChannel.Channel, sizes: ReadonlyArray<number>) =>
  Effect.forEach(sizes, (size) => Effect.forkChild(channel.send(bytes(size)), { startImmediately: true }))

// --- the far end ---

const far = (settings: Partial<EngineConfig.EngineSettings> = {}) =>
  Effect.gen(function* () {
    const runtime = FakePeerConnection.runtime()
    const config = { ...EngineConfig.defaults, maxPacketSize: 0, ...settings }
    const services = yield* Layer.build(
      Layer.mergeAll(DataChannel.layer, PeerConnectionTransport.layer).pipe(
        Layer.provide(runtime.layer),
        Layer.provide(Layer.succeed(EngineConfig.EngineConfig, config))
      )
    )
    const transport = yield* Context.get(services, PeerConnectionTransport.Factory).make({
      target: "publisher",
      configuration: { iceServers: [], iceTransportPolicy: "all" },
      onIceCandidate: () => {},
      onDataChannel: () => {}
    })
    const channels = Context.get(services, DataChannel.DataChannel)
    const [peer] = runtime.peers
    if (peer === undefined) return yield* Effect.die("no peer connection was made")
    return {
      peer,
      transport,
      open: (options: DataChannel.ChannelOptions) => channels.open(transport, options),
      adopt: (channel: PeerConnectionFactory.RtcDataChannel, options: DataChannel.ChannelOptions) =>
        channels.adopt(transport, channel, options)
    }
  })

const opening = (
  options: Omit<DataChannel.ChannelOptions, "kind"> = {},
  settings: Partial<EngineConfig.EngineSettings> = {}
) =>
  Effect.gen(function* () {
    const { open, peer, transport } = yield* far(settings)
    const channel = yield* open({ kind: "reliable", ...options })
    const fake = peer.channels.get("_reliable")?.fake
    return fake === undefined ? yield* Effect.die("no channel was opened") : { channel, fake, transport }
  })

const opened = (...options: Parameters<typeof opening>) =>
  Effect.tap(opening(...options), ({ fake }) => Effect.sync(fake.open))
