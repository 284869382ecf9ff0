/**
 * The browser's layer where the globals of a browser are put in place by hand. Chromium itself is not started here.
 */
import { assert, describe, it } from "@effect/vitest"
import { JoinRequest, WrappedJoinRequest, WrappedJoinRequest_Compression } from "@livekit/protocol"
import wrtc from "@roamhq/wrtc"
import { Cause, Effect, Exit, Layer, Option, Stream } from "effect"
import { Packet, PeerConnectionFactory, RTCEngine } from "effect-livekit"
import { BrowserPeerConnection, BrowserRTCEngine, MissingGlobal } from "effect-livekit/browser"
import { DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { gunzipSync } from "node:zlib"
import { afterEach, vi } from "vitest"

afterEach(() => vi.unstubAllGlobals())

const defectOf = <A>(layer: Layer.Layer<A>) =>
  Effect.map(Effect.exit(Effect.scoped(Layer.build(layer))), (exit) =>
    Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  )

/** A page's WebSocket, and what was dialled by it. */
const recordDials = () => {
  const dialled: Array<URL> = []
  vi.stubGlobal(
    "WebSocket",
    class extends WebSocket {
      constructor(url: string) {
        super(url)
        dialled.push(new URL(url))
      }
    }
  )
  return dialled
}

describe("the browser's engine", () => {
  it.effect("says what is missing when it is built where there is no browser", () =>
    Effect.gen(function* () {
      for (const global of ["RTCPeerConnection", "WebSocket", "fetch"]) {
        vi.stubGlobal("RTCPeerConnection", wrtc.RTCPeerConnection)
        vi.stubGlobal(global, undefined)
        const defect = yield* defectOf(BrowserRTCEngine.layer)
        assert.instanceOf(defect, MissingGlobal)
        assert.strictEqual(defect.global, global)
        assert.include(defect.message, `globalThis.${global} is missing`)
        vi.unstubAllGlobals()
      }
    })
  )

  it.effect("looks for RTCPeerConnection when the layer is built, not when it is imported", () =>
    Effect.gen(function* () {
      assert.isUndefined(globalThis.RTCPeerConnection)
      vi.stubGlobal("RTCPeerConnection", wrtc.RTCPeerConnection)
      const factory = yield* PeerConnectionFactory.PeerConnectionFactory.pipe(
        Effect.provide(BrowserPeerConnection.layer)
      )
      assert.isTrue(factory.capabilities.iceRestart)
      yield* Effect.scoped(
        factory.make(
          { iceServers: [], iceTransportPolicy: "all" },
          { onIceCandidate: () => {}, onConnectionStateChange: () => {}, onDataChannel: () => {} }
        )
      )
    })
  )

  it.live("joins with what the page has, says that it is the JavaScript SDK, and carries data", () =>
    Effect.gen(function* () {
      const dialled = recordDials()
      vi.stubGlobal("RTCPeerConnection", wrtc.RTCPeerConnection)
      const server = yield* DevServer.make()
      const [alice, bob] = yield* Effect.all([RTCEngine.make, RTCEngine.make]).pipe(
        Effect.provide(BrowserRTCEngine.layerServices)
      )
      const heard = yield* bob.subscribePackets
      const join = (engine: RTCEngine.Engine, identity: string, connectionMode: "single" | "dual") =>
        Effect.flatMap(server.token({ identity, room: "room" }), (token) =>
          engine.connect({ url: server.url, token, connectionMode })
        )
      // The join request of a single connection carries an offer and is compressed.
      yield* join(alice, "alice", "single")
      yield* join(bob, "bob", "dual")
      yield* alice.sendData(Packet.user("hello"))
      const { packet } = Option.getOrThrow(yield* Stream.runHead(Stream.fromSubscription(heard)))
      assert.strictEqual(packet.participantIdentity, "alice")
      const joinRequest = Buffer.from(dialled[0]?.searchParams.get("join_request") ?? "", "base64url")
      assert.strictEqual(WrappedJoinRequest.fromBinary(joinRequest).compression, WrappedJoinRequest_Compression.GZIP)
      assert.strictEqual(dialled.find(({ searchParams }) => searchParams.has("sdk"))?.searchParams.get("sdk"), "js")
    }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
  )

  for (const [browser, userAgent, offers] of [
    [
      "Chrome",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
      true
    ],
    ["Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", false]
  ] as const) {
    it.live(`${offers ? "offers in the join" : "offers after the join"} (${browser})`, () =>
      Effect.gen(function* () {
        const dialled = recordDials()
        vi.stubGlobal("navigator", { userAgent })
        vi.stubGlobal("RTCPeerConnection", wrtc.RTCPeerConnection)
        const server = yield* DevServer.make()
        const engine = yield* RTCEngine.make.pipe(Effect.provide(BrowserRTCEngine.layerServices))
        const token = yield* server.token({ identity: "alice", room: "room" })
        yield* engine.connect({ url: server.url, token, connectionMode: "single" })
        const wrapped = Buffer.from(dialled[0]?.searchParams.get("join_request") ?? "", "base64url")
        const request = JoinRequest.fromBinary(gunzipSync(WrappedJoinRequest.fromBinary(wrapped).joinRequest))
        assert.strictEqual(request.publisherOffer !== undefined, offers)
      }).pipe(Effect.scoped, Effect.provide(NodeDataChannel.layer))
    )
  }
})
