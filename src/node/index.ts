/**
 * The engine in Node.
 */
export * as NodeDataChannel from "./NodeDataChannel.ts"
export * as NodeRTCEngine from "./NodeRTCEngine.ts"
