/**
 * The engine in Node.
 */
export * as NodeDataChannel from "./NodeDataChannel.ts"
export * as NodeRTCEngine from "./NodeRTCEngine.ts"
export * as RtpTrack from "../RtpTrack.ts"
