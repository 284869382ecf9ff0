/**
 * Serves the page, and for each that is open a development server that its participants meet on: `npm run example:browser`.
 */
import { Effect, Layer } from "effect"
import { build } from "esbuild"
import { readFile } from "node:fs/promises"
import { createServer, type ServerResponse } from "node:http"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Controls from "./Controls.ts"
import { pageServers } from "./pageServers.ts"

const { values } = parseArgs({ options: { port: { type: "string", default: "5180" } } })

const file = (name: string) => readFile(join(import.meta.dirname, name), "utf8")

const script = async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "main.ts")],
    bundle: true,
    format: "esm",
    sourcemap: "inline",
    write: false,
    conditions: ["@effect-livekit/source", "import"]
  })
  return outputFiles[0]?.text ?? ""
}

const files: Readonly<Record<string, readonly [type: string, read: () => Promise<string>]>> = {
  "/": ["text/html; charset=utf-8", () => file("index.html")],
  "/style.css": ["text/css; charset=utf-8", () => file("style.css")],
  "/main.js": ["text/javascript; charset=utf-8", script]
}

const answerFile = async (path: string, response: ServerResponse) => {
  const [type, read] = files[path] ?? []
  if (type === undefined || read === undefined) return void response.writeHead(404).end()
  try {
    const text = await read()
    response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(text)
  } catch (cause) {
    response.writeHead(500, { "content-type": "text/plain" }).end(String(cause))
  }
}

const serve = Layer.effectDiscard(
  Effect.gen(function* () {
    const controls = yield* Controls.make()
    const server = createServer((request, response) => {
      if (!controls.answer(request, response))
        void answerFile(new URL(request.url ?? "/", "http://page").pathname, response)
    })
    yield* pageServers(server, controls.open({ runtime: "wrtc", pingInterval: 1, pingTimeout: 10 }))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
    )
    yield* Effect.callback<void>((resume) => {
      server.once("error", (cause) => resume(Effect.die(cause)))
      server.listen(Number(values.port), "127.0.0.1", () => resume(Effect.void))
    })
    const address = server.address()
    const port = typeof address === "object" ? address?.port : values.port
    yield* Effect.sync(() => console.log(`\n  The page: http://127.0.0.1:${port}   (Ctrl-C ends it)\n`))
  })
)

const fiber = Effect.runFork(Layer.launch(serve))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => fiber.interruptUnsafe())
