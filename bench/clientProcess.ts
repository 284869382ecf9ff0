/** A client in a process of its own, which does what it is told. Argument: the contestant. */
import { existsSync, readdirSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { setTimeout } from "node:timers/promises"
import type { MakeClient } from "../test/clients/Client.ts"
import * as CpuProfile from "./CpuProfile.ts"
import { makePerform, now } from "./perform.ts"
import type { Request, Response, Task } from "./Task.ts"

const load = async (): Promise<MakeClient> => {
  const contestant = process.argv[2]
  switch (contestant) {
    case "rtc-node":
      return (await import("../test/clients/rtcNode.ts")).make
    case "livekit-client (wrtc)":
      return (await import("../test/clients/livekitClientOverWrtc.ts")).makeWith("single")
    case "effect-livekit (wrtc)": {
      const { WrtcRTCEngine } = await import("effect-livekit/wrtc")
      return (await import("../test/clients/effectLivekit.ts")).makeWith(WrtcRTCEngine.layerServices)
    }
    default: {
      const { NodeRTCEngine } = await import("effect-livekit/node")
      return (await import("../test/clients/effectLivekit.ts")).makeWith(NodeRTCEngine.layerServices)
    }
  }
}

const cpu = () => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1000
}

/** How many a directory has; there is no telling on systems other than Linux. */
const count = (directory: string) => (existsSync(directory) ? readdirSync(directory).length : Number.NaN)

const performUnseen = makePerform(await load(), {
  cpu: () => Promise.resolve(cpu()),
  watchEventLoop: () => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    return () => {
      delay.disable()
      return delay.percentile(99) / 1e6
    }
  },
  usage: async () => {
    globalThis.gc?.()
    await setTimeout(200)
    globalThis.gc?.()
    const { external, heapUsed, rss } = process.memoryUsage()
    const [files, threads] = [count("/proc/self/fd"), count("/proc/self/task")]
    return { cpu: cpu(), rss, heap: heapUsed + external, files, threads, at: now() }
  }
})

const { BENCH_CPU_PROF: folder } = process.env
const profile = folder === undefined ? undefined : CpuProfile.make(folder, (process.argv[2] ?? "").replaceAll(" ", "-"))

/** Profiled is what lies between a join and a leave. */
const perform = async (task: Task) => {
  if (task._tag === "Leave") await profile?.stop()
  const result = await performUnseen(task)
  if (task._tag === "Forget") await profile?.start()
  return result
}

process.on("message", ({ id, request }: Request) => {
  const answer = (response: Response) => void process.send?.(response)
  perform(request).then(
    (result) => answer({ id, result, error: undefined }),
    (error: unknown) => answer({ id, result: null, error: String(error) })
  )
})
// What was native is not unloaded with grace: the parent has what it wanted.
process.on("disconnect", () => process.exit())
