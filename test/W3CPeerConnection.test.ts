/**
 * The W3C adapter against libwebrtc, as `@roamhq/wrtc` has it.
 */
import { assert, describe, it } from "@effect/vitest"
import wrtc from "@roamhq/wrtc"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Queue, Scope } from "effect"
import { PeerConnectionFactory, Sdp } from "effect-livekit"
import * as W3CPeerConnection from "../src/internal/W3CPeerConnection.ts"
import * as MediaRelay from "./fakes/MediaRelay.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"

const configuration: PeerConnectionFactory.RtcConfiguration = { iceServers: [], iceTransportPolicy: "all" }
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (value: string) => new TextEncoder().encode(value)
const credentials = (description: PeerConnectionFactory.SessionDescription | null) =>
  /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? "")?.[1]

/** One end, with everything it was told; its media by way of a relay if one is given. */
const makeEnd = Effect.fnUntraced(function* (relay?: MediaRelay.MediaRelay) {
  const natives: Array<RTCPeerConnection> = []
  class Known extends wrtc.RTCPeerConnection {
    constructor(options?: RTCConfiguration) {
      super(options)
      natives.push(this)
    }
  }
  const candidates = yield* Queue.unbounded<PeerConnectionFactory.IceCandidate>()
  const channels = yield* Queue.unbounded<PeerConnectionFactory.RtcDataChannel>()
  const connected = yield* Deferred.make<void>()
  const told: Array<string> = []
  const scope = yield* Scope.fork(yield* Effect.scope)
  const direct = Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, W3CPeerConnection.factory(Known))
  const factory = yield* Effect.provide(
    PeerConnectionFactory.PeerConnectionFactory,
    relay === undefined ? direct : Layer.provide(relay.layer, direct)
  )
  const peer = yield* factory
    .make(configuration, {
      onIceCandidate: (candidate) => {
        told.push("candidate")
        Queue.offerUnsafe(candidates, candidate)
      },
      onConnectionStateChange: (state) => {
        told.push(state)
        if (state === "connected") Deferred.doneUnsafe(connected, Effect.void)
      },
      onDataChannel: (channel) => {
        told.push("channel")
        Queue.offerUnsafe(channels, channel)
      }
    })
    .pipe(Scope.provide(scope))
  return { peer, candidates, channels, told, scope, connected: Deferred.await(connected), native: () => natives[0] }
})

type End = Effect.Success<ReturnType<typeof makeEnd>>

const negotiate = Effect.fnUntraced(function* (from: End, to: End, options = { iceRestart: false }) {
  const offer = yield* from.peer.createOffer(options)
  yield* from.peer.setLocalDescription(offer)
  yield* to.peer.setRemoteDescription(offer)
  const answer = yield* to.peer.createAnswer
  yield* to.peer.setLocalDescription(answer)
  yield* from.peer.setRemoteDescription(answer)
})

const pass = (from: End, to: End) =>
  Queue.take(from.candidates).pipe(
    Effect.flatMap((candidate) => Effect.ignore(to.peer.addIceCandidate(candidate))),
    Effect.forever,
    Effect.forkScoped
  )

/** Two connected ends with a channel, which the far end has not listened to yet. */
const makePair = Effect.gen(function* () {
  const near = yield* makeEnd()
  const far = yield* makeEnd()
  const channel = yield* near.peer.createDataChannel("numbers", { ordered: true })
  yield* negotiate(near, far)
  yield* pass(near, far)
  yield* pass(far, near)
  yield* Effect.all([near.connected, far.connected], { concurrency: "unbounded" })
  return { near, far, channel, atFar: yield* Queue.take(far.channels) }
})

/** Listens to a channel; every event is put down by its name, a message by its text. */
const listen = Effect.fnUntraced(function* (channel: PeerConnectionFactory.RtcDataChannel) {
  const heard = yield* Queue.unbounded<string>()
  const note = (event: string) => void Queue.offerUnsafe(heard, event)
  channel.setHandlers({
    onOpen: () => note("open"),
    onClose: () => note("close"),
    onError: () => note("error"),
    onMessage: (message) => note(text(message)),
    onEarlyMessages: (messages) => messages.map(text).forEach(note),
    onBufferedAmountLow: () => note("low")
  })
  return heard
})

const live = <A, E>(name: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(name, () => Effect.scoped(test))

describe("a W3C peer connection of wrtc", () => {
  live(
    "carries data both ways, and keeps what came before anybody listened",
    Effect.gen(function* () {
      const { atFar, channel } = yield* makePair
      const heardNear = yield* listen(channel)
      assert.strictEqual(yield* Queue.take(heardNear), "open")
      assert.strictEqual(channel.label, "numbers")
      assert.isNumber(channel.id())
      for (const message of ["1", "2", "3"]) channel.send(bytes(message))
      // An answer on a second channel shows that the messages have arrived.
      atFar.send(bytes("ready"))
      assert.strictEqual(yield* Queue.take(heardNear), "ready")
      const heardFar = yield* listen(atFar)
      assert.deepStrictEqual(yield* Queue.takeN(heardFar, 4), ["open", "1", "2", "3"])
      atFar.send(bytes("4"))
      assert.strictEqual(yield* Queue.take(heardNear), "4")
    })
  )

  live(
    "fails what is under way when it is closed, of which a browser says nothing more",
    Effect.gen(function* () {
      class Silent extends wrtc.RTCPeerConnection {
        override setRemoteDescription() {
          return new Promise<void>(() => {})
        }
      }
      const scope = yield* Scope.fork(yield* Effect.scope)
      const handlers = { onIceCandidate: () => {}, onConnectionStateChange: () => {}, onDataChannel: () => {} }
      const peer = yield* W3CPeerConnection.factory(Silent).make(configuration, handlers).pipe(Scope.provide(scope))
      const set = peer.setRemoteDescription({ type: "offer", sdp: "" })
      // An answer is applied whole or not at all.
      const applied = yield* Effect.forkChild(Effect.uninterruptible(set), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const exits = [yield* Fiber.await(applied), yield* Effect.exit(set)]
      assert.deepStrictEqual(exits.map(Exit.isFailure), [true, true])
    }).pipe(Effect.timeout(5_000))
  )

  live(
    "tells that the far end answers, though nobody says anything, and waits for one that is gone",
    Effect.gen(function* () {
      const { far, near } = yield* makePair
      yield* near.peer.roundTrip.pipe(Effect.timeout(5_000))
      yield* Effect.all([near.peer.roundTrip, far.peer.roundTrip], { concurrency: "unbounded" }).pipe(
        Effect.timeout(5_000)
      )
      const alone = yield* makeEnd()
      const answer = yield* alone.peer.roundTrip.pipe(Effect.timeoutOption(200))
      assert.isTrue(Option.isNone(answer))
    })
  )

  live(
    "waits for an answer while nothing gets through, and has it once something does",
    Effect.gen(function* () {
      const relay = yield* MediaRelay.make
      const near = yield* makeEnd(relay)
      const far = yield* makeEnd()
      yield* near.peer.createDataChannel("numbers", { ordered: true })
      yield* negotiate(near, far)
      yield* pass(far, near)
      yield* near.connected
      yield* near.peer.roundTrip.pipe(Effect.timeout(5_000))
      yield* relay.setBlocked(true)
      // What is under way arrives.
      yield* Effect.sleep(200)
      const asked = yield* Effect.forkChild(near.peer.roundTrip)
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Fiber.join(asked), 1_500)))
      yield* relay.setBlocked(false)
      yield* Fiber.join(asked).pipe(Effect.timeout(10_000))
    })
  )

  live(
    "moves to new credentials by an ICE restart, and goes on carrying data",
    Effect.gen(function* () {
      const { atFar, channel, far, near } = yield* makePair
      const heardFar = yield* listen(atFar)
      const before = [credentials(near.peer.localDescription()), credentials(far.peer.localDescription())]
      yield* negotiate(near, far, { iceRestart: true })
      const after = [credentials(near.peer.localDescription()), credentials(far.peer.localDescription())]
      for (const [index, value] of after.entries()) {
        assert.isString(value)
        assert.notStrictEqual(value, before[index])
      }
      assert.deepStrictEqual(yield* credentialsInUse(near), [after[0]])
      assert.deepStrictEqual(yield* credentialsInUse(far), [after[1]])
      channel.send(bytes("over the new path"))
      assert.deepStrictEqual(yield* Queue.takeN(heardFar, 2), ["open", "over the new path"])
      assert.strictEqual(near.peer.connectionState(), "connected")
    })
  )

  live(
    "makes no new credentials without an ICE restart",
    Effect.gen(function* () {
      const { far, near } = yield* makePair
      const before = credentials(near.peer.localDescription())
      yield* negotiate(near, far)
      assert.strictEqual(credentials(near.peer.localDescription()), before)
    })
  )

  live(
    "tells its owner nothing once its scope has closed, and the far end that the channel is gone",
    Effect.gen(function* () {
      const { atFar, channel, near } = yield* makePair
      const heardNear = yield* listen(channel)
      const heardFar = yield* listen(atFar)
      assert.strictEqual(yield* Queue.take(heardNear), "open")
      const told = near.told.length
      yield* Scope.close(near.scope, Exit.void)
      assert.deepStrictEqual(yield* Queue.takeN(heardFar, 2), ["open", "close"])
      assert.strictEqual(near.told.length, told)
      assert.strictEqual(yield* Queue.size(heardNear), 0)
      assert.strictEqual(near.peer.connectionState(), "closed")
      assert.strictEqual(channel.readyState(), "closed")
      assert.strictEqual(atFar.readyState(), "closed")
    })
  )

  live(
    "says when a full channel has drained to its threshold",
    Effect.gen(function* () {
      const { atFar, channel } = yield* makePair
      yield* listen(atFar)
      const heard = yield* listen(channel)
      assert.strictEqual(yield* Queue.take(heard), "open")
      channel.setBufferedAmountLowThreshold(64 * 1024)
      // The first two megabytes or so are taken by libwebrtc without being counted.
      while (channel.bufferedAmount() <= 64 * 1024) channel.send(new Uint8Array(32 * 1024))
      assert.strictEqual(yield* Queue.take(heard), "low")
      assert.isAtMost(channel.bufferedAmount(), 64 * 1024)
      assert.strictEqual(yield* Queue.size(heard), 0)
    })
  )

  live(
    "counts the bytes on the wire, and remembers them when closed",
    Effect.gen(function* () {
      const { atFar, channel, near } = yield* makePair
      const heardNear = yield* listen(channel)
      const heardFar = yield* listen(atFar)
      yield* Queue.take(heardNear)
      const before = yield* near.peer.counters
      channel.send(bytes("x".repeat(50_000)))
      yield* Queue.takeN(heardFar, 2)
      atFar.send(bytes("back"))
      assert.strictEqual(yield* Queue.take(heardNear), "back")
      // libwebrtc answers from its last report for 50 ms.
      yield* Effect.sleep(100)
      const after = yield* near.peer.counters
      assert.isAbove(after.bytesSent, before.bytesSent + 50_000)
      assert.isAbove(after.bytesReceived, before.bytesReceived)
      yield* Scope.close(near.scope, Exit.void)
      assert.deepStrictEqual(yield* near.peer.counters, after)
    })
  )

  live(
    "offers a track under its name each time that it is sent, and whatever took over from it",
    Effect.gen(function* () {
      const { far, near } = yield* makePair
      const tracks = [yield* wrtcMedia.tone, yield* wrtcMedia.tone, yield* wrtcMedia.picture({ width: 64, height: 64 })]
      const replacement = yield* wrtcMedia.tone
      const init = { direction: "sendonly" } as const
      const sent = Effect.map(near.peer.createOffer({ iceRestart: false }), ({ sdp }) =>
        Sdp.sections(sdp)
          .filter(Sdp.isSending)
          .map(({ trackId }) => trackId)
      )
      const ids = tracks.map(({ id }) => id)
      yield* Effect.forEach(tracks, (track) => near.peer.media.addTransceiver(track, init))
      yield* negotiate(near, far)
      assert.deepStrictEqual(yield* sent, ids)
      for (const id of ids) assert.strictEqual(yield* near.peer.media.removeTrack(id), 1)
      assert.deepStrictEqual(yield* sent, [])
      const again = yield* Effect.forEach(tracks, (track) => near.peer.media.addTransceiver(track, init))
      assert.deepStrictEqual(yield* sent, ids)
      yield* negotiate(near, far)
      yield* again[0]?.sender.replaceTrack(replacement) ?? Effect.void
      const named = { ...init, name: "another" }
      yield* near.peer.media.addTransceiver(replacement, named)
      assert.deepStrictEqual(yield* sent, [...ids, "another"])
      yield* negotiate(near, far)
      assert.deepStrictEqual(yield* sent, [...ids, "another"])
      assert.strictEqual(yield* near.peer.media.removeTrack(ids[0] ?? ""), 1)
      assert.deepStrictEqual(yield* sent, [...ids.slice(1), "another"])
    })
  )

  live(
    "takes ICE servers and a policy on a live connection",
    Effect.gen(function* () {
      const { near } = yield* makePair
      yield* near.peer.setConfiguration({
        iceServers: [{ urls: ["turn:127.0.0.1:9"], username: "u", credential: "c" }],
        iceTransportPolicy: "relay"
      })
      assert.strictEqual(near.native()?.getConfiguration().iceTransportPolicy, "relay")
    })
  )

  live(
    "fails a step that the runtime refuses, by its name",
    Effect.gen(function* () {
      const { peer } = yield* makeEnd()
      const { reason } = yield* peer.setRemoteDescription({ type: "answer", sdp: "nonsense" }).pipe(Effect.flip)
      assert.deepInclude(reason, { _tag: "NegotiationFailed", step: "setRemoteDescription" })
    })
  )
})

/** The local credentials that the transport uses. */
const credentialsInUse = ({ native }: End) =>
  Effect.promise(async () => {
    const used: Array<string | undefined> = []
    const report = await native()?.getStats()
    report?.forEach(({ iceLocalUsernameFragment, type }) => {
      if (type === "transport") used.push(iceLocalUsernameFragment)
    })
    return used
  })
