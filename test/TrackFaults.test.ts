import { RequestResponse_Reason } from "@livekit/protocol"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, type Scope } from "effect"
import {
  PeerConnectionError,
  PeerConnectionFactory,
  PeerConnectionTransport,
  RtcMedia,
  RTCEngine,
  SdpMunging
} from "effect-livekit"
import { DevServer } from "effect-livekit/dev-server"
import { NodeRTCEngine } from "effect-livekit/node"
import { WrtcPeerConnection } from "effect-livekit/wrtc"
import { isNewer } from "../src/internal/SessionMedia.ts"
import { wrtcMedia } from "./media/wrtcMedia.ts"

const size = { width: 320, height: 240 }

/** Peer connections of wrtc to which answers come changed. */
const changing = (change: (sdp: string) => string) =>
  Layer.effectContext(
    Effect.map(PeerConnectionFactory.PeerConnectionFactory, (factory) =>
      Context.make(PeerConnectionFactory.PeerConnectionFactory, {
        ...factory,
        make: (configuration, handlers) =>
          Effect.map(factory.make(configuration, handlers), (peer) => ({
            ...peer,
            setRemoteDescription: (description) =>
              peer.setRemoteDescription(
                description.type === "answer" ? { ...description, sdp: change(description.sdp) } : description
              )
          }))
      })
    )
  ).pipe(Layer.provide(WrtcPeerConnection.layer))

const live = (
  name: string,
  runtime: Layer.Layer<PeerConnectionFactory.PeerConnectionFactory>,
  test: (
    engine: RTCEngine.Engine,
    join: (grant?: { readonly canPublish?: boolean }) => Effect.Effect<void, unknown, Scope.Scope>
  ) => Effect.Effect<void, unknown, Scope.Scope>
) =>
  it.live(
    name,
    () =>
      Effect.gen(function* () {
        const server = yield* DevServer.make()
        const engine = yield* RTCEngine.make
        const join = Effect.fnUntraced(function* (grant: { readonly canPublish?: boolean } = {}) {
          const token = yield* server.token({ identity: "alice", room: "room", ...grant })
          yield* engine.connect({ url: server.url, token })
        })
        yield* test(engine, join)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          NodeRTCEngine.layerServicesWithoutDependencies.pipe(
            Layer.provide(runtime),
            Layer.provide(NodeRTCEngine.layerPlatform),
            Layer.merge(WrtcPeerConnection.layer)
          )
        )
      ),
    60_000
  )

describe("publishing", () => {
  live(
    "without permission is refused with the reason, and the engine goes on",
    WrtcPeerConnection.layer,
    (engine, join) =>
      Effect.gen(function* () {
        yield* join({ canPublish: false })
        const { reason } = yield* Effect.flip(engine.publishTrack(yield* wrtcMedia.tone))
        assert.deepInclude(reason, { _tag: "PublishRefused", why: RequestResponse_Reason.NOT_ALLOWED })
        assert.strictEqual(yield* engine.state, "Connected")
        assert.deepStrictEqual(yield* engine.publishedTracks, [])
      })
  )

  for (const [how, change] of [
    ["rejects the section", (sdp: string) => sdp.replace(/^m=video \d+/m, "m=video 0")],
    [
      "does not want to receive in it",
      (sdp: string) => sdp.replace(/(m=video[^]*?)a=recvonly/, (_, before: string) => `${before}a=inactive`)
    ]
  ] as const) {
    live(`fails when the server ${how}, with the codecs that were offered`, changing(change), (engine, join) =>
      Effect.gen(function* () {
        yield* join()
        const { reason } = yield* Effect.flip(engine.publishTrack(yield* wrtcMedia.picture(size), { video: size }))
        assert.strictEqual(reason._tag, "CodecRefused")
        if (reason._tag === "CodecRefused") assert.include(reason.offered, "VP8")
        assert.strictEqual(yield* engine.state, "Connected")
      })
    )
  }

  live(
    "a track twice, one of another runtime, or on an engine that has left, is refused",
    WrtcPeerConnection.layer,
    (engine, join) =>
      Effect.gen(function* () {
        const track = yield* wrtcMedia.tone
        const attempt = (track: RtcMedia.MediaTrack) =>
          Effect.map(Effect.flip(engine.publishTrack(track)), ({ reason }) => reason._tag)
        assert.strictEqual(yield* attempt(track), "NotConnected")
        yield* join()
        yield* engine.publishTrack(track)
        assert.strictEqual(yield* attempt(track), "DuplicateTrack")
        assert.strictEqual(yield* attempt({ id: "foreign", kind: "audio", enabled: true }), "MediaFailed")
        assert.strictEqual((yield* engine.publishedTracks).length, 1)
        yield* engine.removeTrack(track.id)
        yield* engine.removeTrack(track.id)
        yield* engine.disconnect
        assert.strictEqual(yield* attempt(yield* wrtcMedia.tone), "NotConnected")
        assert.strictEqual((yield* engine.createSenderTransceiver(track))._tag, "None")
      })
  )
})

describe("an offer", () => {
  const offered = [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "m=video 9 UDP/TLS/RTP/SAVPF 98",
    "a=mid:0",
    "a=sendonly",
    "a=msid:- cam",
    "a=rtpmap:98 VP9/90000",
    ""
  ].join("\r\n")

  const far = Effect.fnUntraced(function* (takes: (sdp: string) => boolean) {
    const offers: Array<string> = []
    const refused = () =>
      Effect.fail(
        new PeerConnectionError.PeerConnectionError({
          reason: new PeerConnectionError.NegotiationFailed({
            step: "setLocalDescription",
            cause: new Error("refused")
          })
        })
      )
    const peer: PeerConnectionFactory.PeerConnection = {
      createOffer: () => Effect.succeed({ type: "offer", sdp: offered }),
      createAnswer: Effect.succeed({ type: "answer", sdp: offered }),
      setLocalDescription: ({ sdp }) => (takes(sdp) ? Effect.void : refused()),
      setRemoteDescription: () => Effect.void,
      addIceCandidate: () => Effect.void,
      setConfiguration: () => Effect.void,
      createDataChannel: () => Effect.never,
      localDescription: () => null,
      remoteDescription: () => null,
      connectionState: () => "new",
      counters: Effect.succeed({ bytesSent: 0, bytesReceived: 0 }),
      roundTrip: Effect.void,
      media: RtcMedia.none
    }
    const factory = Layer.succeed(PeerConnectionFactory.PeerConnectionFactory, {
      capabilities: WrtcPeerConnection.capabilities,
      make: () => Effect.succeed(peer)
    })
    const services = yield* Layer.build(Layer.provide(PeerConnectionTransport.layer, factory))
    const transport = yield* Context.get(services, PeerConnectionTransport.Factory).make({
      target: "publisher",
      configuration: { iceServers: [], iceTransportPolicy: "all" },
      sendOffer: ({ sdp }) => Effect.sync(() => offers.push(sdp) > 0),
      onIceCandidate: () => {},
      onDataChannel: () => {}
    })
    yield* transport.registerTrackBitrateInfo("cam", { codec: "vp9", maxBitrate: 1_000 })
    return { offers, transport }
  })

  it.effect("is set and sent with what is registered of its tracks (PT11, PT13)", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { offers, transport } = yield* far(() => true)
        yield* Effect.forkScoped(transport.negotiate())
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        assert.strictEqual(offers.length, 1)
        assert.include(offers[0], SdpMunging.dependencyDescriptor)
        assert.include(offers[0], "x-google-start-bitrate=700;x-google-max-bitrate=1000")
      })
    )
  )

  it.effect("is set and sent as the runtime made it where that takes nothing else (PT12)", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { offers, transport } = yield* far((sdp) => sdp === offered)
        yield* Effect.forkScoped(transport.negotiate())
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        assert.deepStrictEqual(offers, [offered])
      })
    )
  )

  it.effect("that cannot be set at all is not sent, and whoever asked for it hears so (PT12)", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { offers, transport } = yield* far(() => false)
        const { reason } = yield* Effect.flip(transport.negotiate())
        assert.deepInclude(reason, { _tag: "NegotiationFailed" })
        assert.deepStrictEqual(offers, [])
      })
    )
  )
})

describe("subscribed qualities", () => {
  it("are believed of servers after 0.15.1 (SC31)", () => {
    assert.deepStrictEqual(
      ["0.15.0", "0.15.1", "0.15.2", "0.16.0", "1.0.0", "1.13.5", "0.9.9", "", "next"].filter((version) =>
        isNewer(version, "0.15.1")
      ),
      ["0.15.2", "0.16.0", "1.0.0", "1.13.5", "", "next"]
    )
  })
})
