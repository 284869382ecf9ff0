/**
 * Where a Chromium is, and how it is started for tests: with media devices of its own making, and without a word to the network.
 */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]

const applications = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium"
]

/** The browser that `CHROME_BIN` names, or one of the usual names on the `PATH`; `undefined` if there is none. */
export const find = (environment: NodeJS.ProcessEnv = process.env): string | undefined => {
  const { CHROME_BIN, PATH = "" } = environment
  if (CHROME_BIN !== undefined && CHROME_BIN !== "") return CHROME_BIN
  const candidates = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return [...candidates, ...applications].find((path) => existsSync(path))
}

export const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  // Without these no candidate is found on a machine that has loopback and nothing else.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  "--allow-loopback-in-peer-connection"
]
