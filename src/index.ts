/**
 * effect-livekit: the LiveKit client engine as Effect services.
 */
export * as DataChannelError from "./DataChannelError.ts"
export * as EngineConfig from "./EngineConfig.ts"
export * as HttpGet from "./HttpGet.ts"
export * as PeerConnectionError from "./PeerConnectionError.ts"
export * as PeerConnectionFactory from "./PeerConnectionFactory.ts"
export * as Recovery from "./Recovery.ts"
export * as SignalClient from "./SignalClient.ts"
export * as SignalConnection from "./SignalConnection.ts"
export * as SignalError from "./SignalError.ts"
export * as SignalRequest from "./SignalRequest.ts"
export * as SignalRequestQueue from "./SignalRequestQueue.ts"
export * as SignalUrl from "./SignalUrl.ts"
export * as WebSocketConstructor from "./WebSocketConstructor.ts"
