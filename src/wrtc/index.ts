/**
 * The engine in Node with real ICE restart.
 */
export * as WrtcMedia from "./WrtcMedia.ts"
export * as WrtcPeerConnection from "./WrtcPeerConnection.ts"
export * as WrtcRTCEngine from "./WrtcRTCEngine.ts"
