import { assert, it } from "@effect/vitest"
import wrtc from "@roamhq/wrtc"
import { Effect } from "effect"
import { PeerConnectionFactory } from "effect-livekit"
import { WrtcPeerConnection } from "effect-livekit/wrtc"
import { afterEach } from "vitest"

const { RTCPeerConnection: Original } = wrtc
afterEach(() => {
  wrtc.RTCPeerConnection = Original
})

it.live("leaves no peer connection to the end of the process when its layer is released", () =>
  Effect.gen(function* () {
    const made: Array<WeakRef<object>> = []
    wrtc.RTCPeerConnection = class extends Original {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        made.push(new WeakRef(this))
      }
    }
    const left = Effect.sync(() => made.filter((peer) => peer.deref() !== undefined).length)
    yield* Effect.gen(function* () {
      const factory = yield* PeerConnectionFactory.PeerConnectionFactory
      const one = Effect.gen(function* () {
        const peer = yield* factory.make(
          { iceServers: [], iceTransportPolicy: "all" },
          { onIceCandidate: () => {}, onConnectionStateChange: () => {}, onDataChannel: () => {} }
        )
        yield* peer.createDataChannel("channel", { ordered: true })
        yield* Effect.flatMap(peer.createOffer({ iceRestart: false }), peer.setLocalDescription)
      })
      yield* Effect.all([one, one, one, one]).pipe(Effect.scoped)
      assert.strictEqual(yield* left, 4)
    }).pipe(Effect.provide(WrtcPeerConnection.layer))
    assert.strictEqual(yield* left, 0)
  })
)
