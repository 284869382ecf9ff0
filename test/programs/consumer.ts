/**
 * What an application that publishes its own declarations may export: every inferred type here has to have a name that
 * TypeScript can write down, or such an application does not compile. Compiled against the packed library, never run.
 */
import { Effect, Layer, Stream } from "effect"
import {
  ConnectionState,
  DataChannel,
  EngineConfig,
  EngineError,
  EngineEvent,
  EngineServices,
  HttpGet,
  Packet,
  PeerConnectionTransport,
  ReconnectPolicy,
  RegionUrlProvider,
  RTCEngine,
  SignalClient,
  SyncState,
  WebSocketConstructor
} from "effect-livekit"
import { BrowserPeerConnection, BrowserRTCEngine } from "effect-livekit/browser"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel, NodeRTCEngine } from "effect-livekit/node"
import { LinkedPeerConnection, SimNetwork, TestRTCEngine, TestServer, TestSocket } from "effect-livekit/testing"
import { WrtcPeerConnection, WrtcRTCEngine } from "effect-livekit/wrtc"

export const engine = RTCEngine.make
export const engineLayer = RTCEngine.layer
export const withEngine = Effect.map(RTCEngine.RTCEngine, (all) => all)
export const events = Effect.map(RTCEngine.make, (self) => self.events)
export const subscription = Effect.flatMap(RTCEngine.make, (self) => self.subscribeEvents)
export const packets = Effect.map(RTCEngine.make, (self) => Stream.map(self.packets, ({ packet }) => packet))
export const connect = (self: RTCEngine.Engine, options: RTCEngine.ConnectOptions) => self.connect(options)
export const send = (self: RTCEngine.Engine) => self.sendData(Packet.user("hello"))
export const reasonOf = (error: EngineError.EngineError) => error.reason
export const stateOf = (self: RTCEngine.Engine) =>
  Stream.map(self.stateChanges, (state: ConnectionState.ConnectionState) => state)
export const causeOf = (event: EngineEvent.EngineEvent) => (event._tag === "Resuming" ? event.cause : undefined)
export const services = EngineServices.layer
export const policy = { ...ReconnectPolicy.byEvidence }
export const settings = { ...EngineConfig.defaults }
export const signal = SignalClient.make
export const regions = RegionUrlProvider.make
export const transport = PeerConnectionTransport.make
export const channel = Effect.map(DataChannel.DataChannel, (self) => self.open)
export const state = SyncState.make
export const sockets = WebSocketConstructor.layer
export const http = HttpGet.layerFetch

export const node = NodeRTCEngine.layer
export const nodeServices = NodeRTCEngine.layerServices
export const nodeWithout = NodeRTCEngine.layerServicesWithoutDependencies
export const nodePlatform = NodeRTCEngine.layerPlatform
export const nodeWebRtc = NodeDataChannel.layer
export const wrtc = WrtcRTCEngine.layerServices
export const wrtcWebRtc = WrtcPeerConnection.layer
export const browser = BrowserRTCEngine.layerServices
export const browserWebRtc = BrowserPeerConnection.layer
export const everything = Layer.mergeAll(NodeRTCEngine.layerServices, NodeDataChannel.layer, TestServer.layer())

export const server = DevServer.make()
export const faults = Effect.map(DevServer.make(), (self) => self.faults)
export const verifier = AccessToken.verifier({ apiKey: "key", apiSecret: "secret" })
export const testServer = TestServer.layer()
export const testFaults = Effect.map(TestServer.TestServer, (self) => self.faults)
export const network = Effect.map(SimNetwork.SimNetwork, (all) => all)
export const alice = TestRTCEngine.make("alice")
export const socket = TestSocket
export const linked = LinkedPeerConnection
