/**
 * What node-datachannel is made to do that it does not do by itself, on real peer connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { Packet, PeerConnectionFactory, RTCEngine } from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import native from "node-datachannel"
import { queryObjects } from "node:v8"
import * as UdpRelay from "./fakes/UdpRelay.ts"

const configuration: PeerConnectionFactory.RtcConfiguration = { iceServers: [], iceTransportPolicy: "all" }

const noop = () => {}
const deaf: PeerConnectionFactory.RtcDataChannelHandlers = {
  onOpen: noop,
  onClose: noop,
  onError: noop,
  onMessage: noop,
  onEarlyMessages: noop,
  onBufferedAmountLow: noop
}

const peer = Effect.fnUntraced(function* (handlers: Partial<PeerConnectionFactory.PeerConnectionHandlers> = {}) {
  const factory = yield* PeerConnectionFactory.PeerConnectionFactory
  return yield* factory.make(configuration, {
    onIceCandidate: noop,
    onConnectionStateChange: noop,
    onDataChannel: noop,
    ...handlers
  })
})

/** An offer of `near` that is answered by `far`; the answer is not set yet. */
const answered = Effect.fnUntraced(function* (
  near: PeerConnectionFactory.PeerConnection,
  far: PeerConnectionFactory.PeerConnection
) {
  const offer = yield* near.createOffer({ iceRestart: false })
  yield* near.setLocalDescription(offer)
  yield* far.setRemoteDescription(offer)
  const answer = yield* far.createAnswer
  yield* far.setLocalDescription(answer)
  return { ...answer, sdp: UdpRelay.withoutCandidates(answer.sdp) }
})

/** For an engine, and for the server beside it. */
const both = Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer)

describe("a channel of node-datachannel", () => {
  it.live("is forgotten once it has said whether the path is alive, but for the latest", () =>
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const engine = yield* RTCEngine.make
      yield* engine.connect({ url: server.url, token: yield* server.token({ identity: "alice", room: "room" }) })
      yield* Effect.repeat(engine.probe, { times: 40 })
      const kind: unknown = native.DataChannel
      const alive = Effect.sync(() => (typeof kind === "function" ? queryObjects(kind, { format: "count" }) : Infinity))
      yield* Effect.repeat(Effect.delay(alive, "50 millis"), { until: (count) => count < 30 })
    }).pipe(Effect.scoped, Effect.provide(both))
  )

  it.live("takes a threshold when it is closed, as those of browsers do", () =>
    Effect.gen(function* () {
      const { createDataChannel } = yield* peer()
      const channel = yield* createDataChannel("closed", { ordered: true })
      channel.close()
      channel.setBufferedAmountLowThreshold(1)
      assert.strictEqual(channel.readyState(), "closed")
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  it.live("lets its session be renewed while its data is flushed", () =>
    Effect.gen(function* () {
      const server = yield* DevServer.make()
      const engine = yield* RTCEngine.make
      const token = yield* server.token({ identity: "alice", room: "room" })
      yield* engine.connect({ url: server.url, token })
      const piece = Packet.user(new Uint8Array(60_000))
      yield* Effect.repeat(engine.sendData(piece), { times: 60 })
      const flushing = yield* Effect.forkScoped(engine.disconnectAfterFlush("20 seconds"))
      yield* Effect.yieldNow
      yield* server.faults.leave("alice", new LeaveRequest({ action: LeaveRequest_Action.RECONNECT }))
      assert.isTrue(yield* Fiber.join(flushing))
      assert.isUndefined((yield* engine.disconnected).error)
    }).pipe(Effect.scoped, Effect.provide(both))
  )

  it.live("is open and takes messages before the far end has acknowledged it", () =>
    Effect.gen(function* () {
      const relay = yield* UdpRelay.make()
      const connected = yield* Deferred.make<void>()
      const heard = yield* Deferred.make<string>()
      const near = yield* peer({
        onConnectionStateChange: (state) => {
          if (state !== "connected") return
          // From here on no acknowledgement can come.
          Effect.runSync(relay.setBlocked(true))
          Deferred.doneUnsafe(connected, Effect.void)
        }
      })
      const far = yield* peer({
        onIceCandidate: ({ candidate, ...rest }) =>
          void relay
            .relayed(candidate)
            .then((next = "") => Effect.runPromise(near.addIceCandidate({ ...rest, candidate: next }))),
        onDataChannel: (channel) => {
          const onMessage = (bytes: Uint8Array) =>
            Deferred.doneUnsafe(heard, Effect.succeed(`${channel.label}: ${new TextDecoder().decode(bytes)}`))
          channel.setHandlers({ ...deaf, onMessage, onEarlyMessages: (messages) => messages.forEach(onMessage) })
        }
      })
      const channel = yield* near.createDataChannel("early", { ordered: true })
      const opened = yield* Deferred.make<void>()
      channel.setHandlers({ ...deaf, onOpen: () => Deferred.doneUnsafe(opened, Effect.void) })
      yield* near.setRemoteDescription(yield* answered(near, far))
      yield* Deferred.await(connected)
      yield* Deferred.await(opened)
      assert.strictEqual(channel.readyState(), "open")
      channel.send(new TextEncoder().encode("hello"))
      yield* Effect.sleep("100 millis")
      assert.isFalse(Deferred.isDoneUnsafe(heard))
      yield* relay.setBlocked(false)
      assert.strictEqual(yield* Deferred.await(heard), "early: hello")
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )
})

describe("the candidates of an offer by node-datachannel", () => {
  const offering = Effect.gen(function* () {
    const told: Array<string> = []
    const near = yield* peer({ onIceCandidate: ({ candidate }) => told.push(candidate) })
    yield* near.createDataChannel("any", { ordered: true })
    const answer = yield* answered(near, yield* peer())
    yield* Effect.sleep("50 millis")
    assert.deepStrictEqual(told, [], "not before the answer")
    yield* near.setRemoteDescription(answer)
    return { near, told }
  })
  const candidate = (protocol: "udp" | "tcp") => ({
    candidate: `candidate:1 1 ${protocol} 2130706431 127.0.0.1 9 typ host${protocol === "tcp" ? " tcptype passive" : ""}`,
    sdpMid: "0",
    sdpMLineIndex: 0
  })

  it.live("are told when one of the far end is known that can be reached", () =>
    Effect.gen(function* () {
      const { near, told } = yield* offering
      yield* near.addIceCandidate(candidate("tcp"))
      assert.deepStrictEqual(told, [])
      yield* near.addIceCandidate(candidate("udp"))
      assert.isAbove(told.length, 0)
      assert.isTrue(told.every((each) => each.startsWith("candidate:")))
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  it.live("are told soon to a far end that tells none", () =>
    Effect.gen(function* () {
      const { told } = yield* offering
      assert.deepStrictEqual(told, [])
      yield* Effect.sleep("500 millis")
      assert.isAbove(told.length, 0)
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  it.live("name the first section, to which those of a bundle belong", () =>
    Effect.gen(function* () {
      const told: Array<PeerConnectionFactory.IceCandidate> = []
      const near = yield* peer()
      yield* near.createDataChannel("any", { ordered: true })
      const { sdp, type } = yield* near.createOffer({ iceRestart: false })
      const shared = sdp.split("\r\n").filter((line) => /^a=(ice-ufrag|ice-pwd|fingerprint|setup):/.test(line))
      const audio = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=mid:first", "a=rtcp-mux", "a=inactive"]
      const far = yield* peer({ onIceCandidate: (candidate) => told.push(candidate) })
      yield* far.setRemoteDescription({
        type,
        sdp: sdp
          .replace("a=group:BUNDLE ", "a=group:BUNDLE first ")
          .replace("m=application", [...audio, "a=rtpmap:111 opus/48000/2", ...shared, "m=application"].join("\r\n"))
      })
      yield* far.createAnswer
      yield* Effect.sleep("200 millis")
      assert.isAbove(told.length, 0)
      assert.deepStrictEqual(
        [...new Set(told.map(({ sdpMid, sdpMLineIndex }) => `${sdpMid} ${sdpMLineIndex}`))],
        ["first 0"]
      )
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )
})
