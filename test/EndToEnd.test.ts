import { assert, describe, it } from "@effect/vitest"
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Effect, Layer } from "effect"
import { Packet, RTCEngine, WebSocketConstructor } from "effect-livekit"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"
import { TestRTCEngine, TestServer, VirtualTime } from "effect-livekit/testing"
import { RoomServiceClient } from "livekit-server-sdk"
import { openWebSocket } from "../src/node/openWebSocket.ts"
import { endToEnd, type Far, take } from "./suites/endToEnd.ts"

const removal = new LeaveRequest({
  reason: DisconnectReason.PARTICIPANT_REMOVED,
  action: LeaveRequest_Action.DISCONNECT
})
const modes = ["single", "dual"] as const

/** An engine's layer, and the WebRTC runtime of the development server. */
const pairings = [
  {
    name: "node-datachannel on both sides",
    layer: Layer.merge(NodeRTCEngine.layerServices, NodeDataChannel.layer),
    // libdatachannel has no ICE restart, without which two peer connections cannot be taken up.
    resumable: { single: true, dual: false }
  },
  {
    name: "wrtc on a server with node-datachannel",
    layer: Layer.merge(WrtcRTCEngine.layerServices, NodeDataChannel.layer),
    // The server cannot answer an ICE restart, and asks for a new join.
    resumable: { single: false, dual: false }
  },
  {
    name: "wrtc on both sides",
    layer: Layer.merge(WrtcRTCEngine.layerServices, WrtcPeerConnection.layer),
    resumable: { single: true, dual: true }
  }
]

for (const { layer, name, resumable } of pairings) {
  for (const mode of modes) {
    describe(`two participants on the dev server, ${name}, ${mode} peer connection`, () => {
      const far = Effect.map(DevServer.make().pipe(Effect.orDie), (server): Far<Layer.Success<typeof layer>> => ({
        url: server.url,
        token: (identity, grants) => server.token({ identity, room: "room", ...grants }),
        remove: (identity) => server.faults.leave(identity, removal),
        cut: server.faults.dropSignal,
        engine: () => RTCEngine.make
      }))
      endToEnd(mode, { resumable: resumable[mode] }, far, (test) => test.pipe(Effect.scoped, Effect.provide(layer)))
    })
  }
}

for (const mode of modes) {
  for (const iceRestart of [true, false]) {
    describe(`two participants in memory, ${iceRestart ? "with" : "without"} ICE restart`, () => {
      const far = Effect.map(TestServer.TestServer, (server): Far<TestServer.TestServer> => ({
        url: server.url,
        token: (identity, grants) => server.token({ identity, room: "room", ...grants }),
        remove: (identity) => server.faults.leave(identity, removal),
        cut: server.faults.dropSignal,
        engine: (identity) => TestRTCEngine.make(identity, { iceRestart })
      }))
      endToEnd(mode, { resumable: mode === "single" || iceRestart, time: "virtual" }, far, (test) =>
        VirtualTime.advancing(test).pipe(Effect.scoped, Effect.provide(TestServer.layer()))
      )
    })
  }
}

const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = process.env

describe("two participants on a real LiveKit server", () => {
  if (url === undefined || apiKey === undefined || apiSecret === undefined) {
    it.skip("skipped: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to run it")
    return
  }
  const service = new RoomServiceClient(url.replace("ws", "http"), apiKey, apiSecret)
  const sockets: Array<WebSocketConstructor.WebSocketLike> = []
  const platform = Layer.merge(
    NodeRTCEngine.layerPlatform,
    WebSocketConstructor.layer((href) => {
      const socket = openWebSocket(href)
      sockets.push(socket)
      return socket
    })
  )
  const runtimes = [
    { name: "node-datachannel", runtime: NodeDataChannel.layer, resumable: { single: true, dual: false } },
    { name: "wrtc", runtime: WrtcPeerConnection.layer, resumable: { single: true, dual: true } }
  ]
  for (const { name, resumable, runtime } of runtimes) {
    const real = NodeRTCEngine.layerServicesWithoutDependencies.pipe(Layer.provide(runtime), Layer.provide(platform))
    for (const mode of modes) {
      const far = Effect.sync((): Far<Layer.Success<typeof real>> => {
        sockets.length = 0
        const room = `effect-livekit-${mode}-${process.hrtime.bigint()}`
        return {
          url,
          token: (identity, grants) => AccessToken.issue({ apiKey, apiSecret }, { identity, room, ...grants }),
          remove: (identity) => Effect.promise(() => service.removeParticipant(room, identity)),
          // Alice joins first, so the first socket that is still open is hers.
          cut: () => Effect.sync(() => sockets.find(({ readyState }) => readyState === WebSocket.OPEN)?.close()),
          engine: () => RTCEngine.make
        }
      })
      describe(`${name}, ${mode} peer connection`, () => {
        endToEnd(mode, { resumable: resumable[mode] }, far, (test) => test.pipe(Effect.scoped, Effect.provide(real)))

        it.live(
          "are connected through its relays alone, if it has any",
          (context) =>
            Effect.gen(function* () {
              const server = yield* far
              const join = Effect.fnUntraced(function* (identity: string, rtc: RTCEngine.ConnectOptions["rtc"]) {
                const engine = yield* RTCEngine.make
                const token = yield* server.token(identity)
                return { engine, response: yield* engine.connect({ url, token, connectionMode: mode, rtc }) }
              })
              const bob = yield* join("bob", {})
              const hasRelays = bob.response.iceServers.some(({ urls }) => urls.some((each) => each.startsWith("turn")))
              if (!hasRelays) return context.skip("the server has no TURN")
              const packets = yield* bob.engine.subscribePackets
              const alice = yield* join("alice", { iceTransportPolicy: "relay" })
              yield* alice.engine.sendData(Packet.user("1"))
              assert.deepStrictEqual(yield* take(packets, 1), [1])
            }).pipe(Effect.scoped, Effect.provide(real)),
          30_000
        )
      })
    }
  }
})
