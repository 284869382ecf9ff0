/**
 * ICE restarts and offers that wait to be set, as only runtimes with these capabilities have them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { PeerConnectionFactory, PeerConnectionTransport, RTCEngine, RtcMedia } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"
import { TestClock } from "effect/testing"
import { awaitEvent } from "./suites/endToEnd.ts"

/** A peer connection that only writes down what is asked of it, and says what it is told to say. */
const scripted = () => {
  const calls: Array<string> = []
  const self = {
    handlers: undefined as PeerConnectionFactory.PeerConnectionHandlers | undefined,
    local: null as PeerConnectionFactory.SessionDescription | null,
    remote: null as PeerConnectionFactory.SessionDescription | null,
    offers: 0
  }
  const put = (name: string) => Effect.sync(() => void calls.push(name))
  const peer: PeerConnectionFactory.PeerConnection = {
    createOffer: ({ iceRestart }) =>
      Effect.sync(() => {
        calls.push(iceRestart ? "createOffer restart" : "createOffer")
        return { type: "offer", sdp: `offer ${++self.offers}` }
      }),
    createAnswer: Effect.succeed({ type: "answer", sdp: "own answer" }),
    setLocalDescription: (description) =>
      Effect.sync(() => {
        calls.push(`local ${description.sdp}`)
        self.local = description
      }),
    setRemoteDescription: (description) =>
      Effect.sync(() => {
        calls.push(`remote ${description.sdp}`)
        self.remote = description
      }),
    addIceCandidate: ({ candidate }) => put(candidate),
    setConfiguration: () => put("configuration"),
    createDataChannel: () => Effect.die("no channels here"),
    localDescription: () => self.local,
    remoteDescription: () => self.remote,
    connectionState: () => "new",
    media: RtcMedia.none,
    counters: Effect.succeed({ bytesSent: 0, bytesReceived: 0 }),
    roundTrip: Effect.void
  }
  const layer = Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, {
    capabilities: WrtcPeerConnection.capabilities,
    make: (_, handlers) =>
      Effect.sync(() => {
        self.handlers = handlers
        return peer
      })
  })
  return {
    calls,
    layer,
    say: (state: PeerConnectionFactory.PeerConnectionState) => self.handlers?.onConnectionStateChange(state)
  }
}

const transport = Effect.gen(function* () {
  const { calls, layer, say } = scripted()
  const sent: Array<string> = []
  const made = yield* PeerConnectionTransport.make({
    target: "publisher",
    configuration: { iceServers: [], iceTransportPolicy: "all" },
    sendOffer: ({ id, sdp }) => Effect.sync(() => sent.push(`${id}: ${sdp}`) > 0),
    onIceCandidate: () => {},
    onDataChannel: () => {}
  }).pipe(Effect.provide(layer))
  return { ...made, calls, say, sent }
})

const candidate = (text: string) => ({ candidate: text, sdpMid: "0", sdpMLineIndex: 0 })

describe("an offer that travels in the join request", () => {
  it.effect("is set, and so gathers, only with the server's ICE servers and its answer", () =>
    Effect.gen(function* () {
      const { acceptAnswer, calls, initialOffer, setConfiguration } = yield* transport
      const { id } = yield* initialOffer
      yield* setConfiguration({ iceServers: [], iceTransportPolicy: "relay" })
      assert.isTrue(yield* acceptAnswer("answer", id))
      assert.deepStrictEqual(calls, ["createOffer", "configuration", "local offer 1", "remote answer"])
    }).pipe(Effect.scoped)
  )

  it.effect("gives way to another when ICE restarts before it is answered", () =>
    Effect.gen(function* () {
      const { acceptAnswer, calls, initialOffer, negotiate, sent } = yield* transport
      const { id } = yield* initialOffer
      const negotiating = yield* Effect.forkScoped(negotiate({ iceRestart: true }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(sent, ["2: offer 2"])
      assert.isFalse(yield* acceptAnswer("late answer", id))
      assert.isTrue(yield* acceptAnswer("answer", 2))
      yield* Fiber.join(negotiating)
      assert.deepStrictEqual(calls, ["createOffer", "createOffer restart", "local offer 2", "remote answer"])
    }).pipe(Effect.scoped)
  )

  it.effect("can be sent again under a new id", () =>
    Effect.gen(function* () {
      const { acceptAnswer, calls, initialOffer, repeatOffer, sent } = yield* transport
      yield* initialOffer
      yield* repeatOffer
      assert.deepStrictEqual(sent, ["2: offer 1"])
      assert.isTrue(yield* acceptAnswer("answer", 2))
      assert.deepStrictEqual(calls, ["createOffer", "local offer 1", "remote answer"])
    }).pipe(Effect.scoped)
  )
})

describe("an ICE restart", () => {
  it.effect("takes the place of an offer that is out", () =>
    Effect.gen(function* () {
      const { acceptAnswer, calls, negotiate } = yield* transport
      const first = yield* Effect.forkScoped(negotiate())
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forkScoped(negotiate({ iceRestart: true }))
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* acceptAnswer("answer", 2))
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(calls, [
        "createOffer",
        "local offer 1",
        "createOffer restart",
        "local offer 2",
        "remote answer"
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps candidates back for the description they belong to", () =>
    Effect.gen(function* () {
      const { acceptOffer, addIceCandidate, calls, prepareForIceRestart } = yield* transport
      yield* acceptOffer("offer a")
      yield* addIceCandidate(candidate("candidate a"))
      yield* prepareForIceRestart
      yield* addIceCandidate(candidate("candidate b"))
      yield* acceptOffer("offer b")
      assert.deepStrictEqual(calls, [
        "remote offer a",
        "local own answer",
        "candidate a",
        "remote offer b",
        "candidate b",
        "local own answer"
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("waits for the new path, whatever became of the old one", () =>
    Effect.gen(function* () {
      const { acceptAnswer, connected, negotiate, say } = yield* transport
      say("failed")
      const restarting = yield* Effect.forkScoped(Effect.andThen(negotiate({ iceRestart: true }), connected))
      yield* TestClock.adjust("1 second")
      // The old path may be given up only now.
      say("failed")
      yield* TestClock.adjust("1 second")
      yield* acceptAnswer("answer", 1)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(restarting.pollUnsafe())
      say("connected")
      yield* Fiber.join(restarting)
    }).pipe(Effect.scoped)
  )

  it.effect("fails when the new path fails", () =>
    Effect.gen(function* () {
      const { acceptAnswer, connected, negotiate, say } = yield* transport
      say("failed")
      const restarting = yield* Effect.forkScoped(Effect.andThen(negotiate({ iceRestart: true }), connected))
      yield* TestClock.adjust("1 second")
      yield* acceptAnswer("answer", 1)
      say("failed")
      const { reason } = yield* Fiber.join(restarting).pipe(Effect.flip)
      assert.strictEqual(reason._tag, "Failed")
    }).pipe(Effect.scoped)
  )
})

describe("a resume with ICE restart", () => {
  /** Remembers the peer connections of the engine. */
  const remembering = (peers: Array<PeerConnectionFactory.PeerConnection>) =>
    Layer.effect(
      PeerConnectionFactory.PeerConnectionFactory,
      Effect.map(PeerConnectionFactory.PeerConnectionFactory, (factory) => ({
        ...factory,
        make: (configuration, handlers) =>
          Effect.tap(factory.make(configuration, handlers), (peer) => Effect.sync(() => void peers.push(peer)))
      }))
    ).pipe(Layer.provide(WrtcPeerConnection.layer))

  const ufrag = (description: PeerConnectionFactory.SessionDescription | null) =>
    /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? "")?.[1]

  for (const connectionMode of ["single", "dual"] as const) {
    it.live(`moves every peer connection to new credentials on both sides (${connectionMode})`, () =>
      Effect.gen(function* () {
        const peers: Array<PeerConnectionFactory.PeerConnection> = []
        const server = yield* DevServer.make().pipe(Effect.provide(WrtcPeerConnection.layer))
        const engine = yield* RTCEngine.make.pipe(
          Effect.provide(
            WrtcRTCEngine.layerServicesWithoutDependencies.pipe(
              Layer.provide(remembering(peers)),
              Layer.provide(WrtcRTCEngine.layerPlatform)
            )
          )
        )
        const events = yield* engine.subscribeEvents
        const token = yield* server.token({ identity: "alice", room: "room" })
        yield* engine.connect({ url: server.url, token, connectionMode })
        assert.strictEqual(peers.length, connectionMode === "single" ? 1 : 2)
        const credentials = () =>
          peers.flatMap((peer) => [ufrag(peer.localDescription()), ufrag(peer.remoteDescription())])
        const before = credentials()
        yield* server.faults.dropSignal("alice")
        yield* awaitEvent(events, ({ _tag }) => _tag === "Resumed" || _tag === "Reconnected")
        assert.strictEqual(peers.length, connectionMode === "single" ? 1 : 2)
        for (const [index, after] of credentials().entries()) {
          assert.isString(after)
          assert.notStrictEqual(after, before[index])
        }
        for (const peer of peers) assert.strictEqual(peer.connectionState(), "connected")
      }).pipe(Effect.scoped)
    )
  }
})
