/**
 * A process of its own that starts servers for the tests in a browser. Prints where, and lives until its input ends.
 */
import { Effect } from "effect"
import { createServer } from "node:http"
import * as Controls from "../../examples/browser/Controls.ts"

const program = Effect.gen(function* () {
  const { answer } = yield* Controls.make(Controls.existingServer(process.env))
  const server = createServer((request, response) => {
    if (!answer(request, response)) response.writeHead(404).end()
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  )
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    console.log(typeof address === "object" ? `http://127.0.0.1:${address?.port}` : address)
  })
  yield* Effect.callback<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void)).resume()
  })
})

await Effect.runPromise(Effect.scoped(program))
