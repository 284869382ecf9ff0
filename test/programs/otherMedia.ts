/** A LiveKit client of another make that sends and receives media, told by its parent what to do. Argument: the library. */
import type { Answer } from "../clients/Child.ts"
import type { MakeMediaClient, MediaKind } from "../clients/MediaClient.ts"

type Command = { readonly _tag: "Connect"; readonly url: string; readonly token: string } | { readonly _tag: "Publish" }

type Report = { readonly _tag: "Media"; readonly kind: MediaKind } | { readonly _tag: "Reconnected" }

const report = (message: Report | Answer) => void process.send?.(message)

const load = async (): Promise<MakeMediaClient> => {
  const [library] = process.argv.slice(2)
  if (library === "rtc-node") return (await import("../clients/rtcNodeMedia.ts")).make
  const { makeWith } = await import("../clients/livekitClientMedia.ts")
  return makeWith(library === "livekit-client dual" ? "dual" : "single")
}

const make = await load()
const client = await make({
  onMedia: (kind) => report({ _tag: "Media", kind }),
  onReconnected: () => report({ _tag: "Reconnected" })
})
const obey = (command: Command) =>
  command._tag === "Connect" ? client.connect(command.url, command.token) : client.publish()

process.on("message", ({ id, request }: { readonly id: number; readonly request: Command }) => {
  obey(request).then(
    () => report({ id, error: undefined }),
    (error: unknown) => report({ id, error: error instanceof Error ? String(error.stack) : String(error) })
  )
})
process.on("disconnect", () => process.exit())
