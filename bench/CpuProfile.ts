/**
 * What a process does on its main thread between two moments, as a profile that the developer tools of Chromium show as a flame
 * graph.
 */
import { writeFileSync } from "node:fs"
import { Session } from "node:inspector/promises"
import { join } from "node:path"

export interface CpuProfile {
  readonly start: () => Promise<void>
  /** Writes what was since the last start, if there was one. */
  readonly stop: () => Promise<void>
}

export const make = (folder: string, name: string): CpuProfile => {
  const session = new Session()
  session.connect()
  const self = { isOn: false, count: 0 }
  return {
    start: async () => {
      if (self.isOn) return
      self.isOn = true
      await session.post("Profiler.enable")
      await session.post("Profiler.start")
    },
    stop: async () => {
      if (!self.isOn) return
      self.isOn = false
      const { profile } = await session.post("Profiler.stop")
      writeFileSync(join(folder, `${name}-${process.pid}-${self.count++}.cpuprofile`), JSON.stringify(profile))
    }
  }
}
