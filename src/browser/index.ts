/**
 * The engine in browsers.
 */
export * as BrowserPeerConnection from "./BrowserPeerConnection.ts"
export * as BrowserRTCEngine from "./BrowserRTCEngine.ts"
export { MissingGlobal } from "./MissingGlobal.ts"
