/**
 * Runs tests in a Firefox as it is installed. Playwright commands only a Firefox of its own making; for these tests it is enough to
 * start one, which opens the page and closes it.
 */
import { defineBrowserProvider } from "@vitest/browser"
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

declare module "vitest/browser" {
  interface BrowserCommands {
    /** What Vitest asks of each provider. */
    readonly __vitest_viewport: () => void
  }
}

/** Media devices of its own making, candidates on loopback, and not a word to the network. */
const preferences = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "media.autoplay.default": 0,
  // Sound where there is no sound card.
  "media.cubeb.force_mock_context": true,
  "media.gmp-manager.updateEnabled": false,
  "media.navigator.permission.disabled": true,
  "media.navigator.streams.fake": true,
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false
}

const open = async (executable: string, url: string) => {
  const profile = await mkdtemp(join(tmpdir(), "effect-livekit-firefox-"))
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`)
  await writeFile(join(profile, "user.js"), lines.join("\n"))
  return {
    profile,
    child: spawn(executable, ["--headless", "--no-remote", "--profile", profile, url], { stdio: "ignore" })
  }
}

const close = async ({ child, profile }: { readonly child: ChildProcess; readonly profile: string }) => {
  if (child.exitCode === null && child.signalCode === null && child.kill()) await once(child, "exit")
  await rm(profile, { recursive: true, force: true, maxRetries: 5 })
}

/** Tests in the Firefox of this name or path. */
export const firefox = (executable: string) =>
  defineBrowserProvider({
    name: "firefox",
    supportedBrowser: ["firefox"],
    options: {},
    providerFactory: (project) => {
      // The size of the page is no part of any test.
      project.browser?.registerCommand("__vitest_viewport", () => undefined)
      const opened: Array<Awaited<ReturnType<typeof open>>> = []
      return {
        name: "firefox",
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        openPage: async (_, url) => void opened.push(await open(executable, url)),
        close: async () => void (await Promise.all(opened.splice(0).map(close)))
      }
    }
  })
