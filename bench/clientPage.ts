/** A client in a page of its own, which does what it is told. The fragment of its address is the contestant. */
import { BrowserRTCEngine } from "effect-livekit/browser"
import * as effectLivekit from "../test/clients/effectLivekit.ts"
import * as livekitClient from "../test/clients/livekitClient.ts"
import { makePerform, type Perform } from "./perform.ts"

declare global {
  /** In a page of the benchmark. */
  var perform: Perform
  /** Milliseconds of CPU of the whole browser, as the process that started it sees it. */
  var cpuOfBrowser: () => Promise<number>
}

const makeClient = location.hash.includes("effect")
  ? effectLivekit.makeWith(BrowserRTCEngine.layerServices)
  : livekitClient.makeWith("single")

globalThis.perform = makePerform(makeClient, {
  cpu: () => globalThis.cpuOfBrowser(),
  watchEventLoop: () => () => undefined,
  usage: () => Promise.reject(new Error("not measured in a page"))
})
