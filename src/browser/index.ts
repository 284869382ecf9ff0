/**
 * The engine in browsers.
 */
export * as BrowserPeerConnection from "./BrowserPeerConnection.ts"
export * as BrowserRTCEngine from "./BrowserRTCEngine.ts"
export { MissingGlobal } from "./MissingGlobal.ts"
export * as PageEvents from "./PageEvents.ts"
export * as PageScheduler from "./PageScheduler.ts"
export * as UserMedia from "./UserMedia.ts"
