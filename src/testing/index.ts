/**
 * The far end, the network and the clock in the hands of a test.
 */
export type { Conditions } from "./Direction.ts"
export * as Expect from "./Expect.ts"
export { ExpectationFailed } from "./ExpectationFailed.ts"
export * as History from "./History.ts"
export * as LinkedPeerConnection from "./LinkedPeerConnection.ts"
export * as RtpTrack from "../RtpTrack.ts"
export * as SimNetwork from "./SimNetwork.ts"
export * as TestRTCEngine from "./TestRTCEngine.ts"
export * as TestServer from "./TestServer.ts"
export * as TestSocket from "./TestSocket.ts"
export * as VirtualTime from "./VirtualTime.ts"
