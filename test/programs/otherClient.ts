/** A LiveKit client of another make, told by its parent process what to do. Argument: the library. */
import type { Answer } from "../clients/Child.ts"
import type { Client, MakeClient } from "../clients/Client.ts"
import type { Command, Report, Request } from "../clients/protocol.ts"

const report = (message: Report | Answer) => void process.send?.(message)

const load = async (): Promise<MakeClient> => {
  const [library] = process.argv.slice(2)
  if (library === "rtc-node") return (await import("../clients/rtcNode.ts")).make
  const { makeWith } = await import("../clients/livekitClientOverWrtc.ts")
  return makeWith(library === "livekit-client dual" ? "dual" : "single")
}

const make = await load()
const client = await make({
  onData: (data) => report({ _tag: "Data", data }),
  onChange: (change) => report({ _tag: "Change", change })
})

const obey = async (client: Client, command: Command): Promise<void> => {
  switch (command._tag) {
    case "Connect":
      return client.connect(command.url, command.token)
    case "SendNumbers": {
      for (let next = command.from; next < command.to; next++) {
        await client.send(new TextEncoder().encode(String(next)), { reliable: true, topic: "numbers" })
        if (command.spacing > 0) await new Promise((resolve) => setTimeout(resolve, command.spacing))
      }
      return
    }
    case "Disconnect":
      return client.disconnect()
  }
}

process.on("message", ({ id, request }: Request) => {
  obey(client, request).then(
    () => report({ id, error: undefined }),
    (error: unknown) => report({ id, error: String(error) })
  )
})
// What was native is not unloaded with grace: the parent has what it wanted.
process.on("disconnect", () => process.exit())
