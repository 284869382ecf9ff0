/**
 * The page's side of its server.
 */
import { Effect, type Scope } from "effect"

/** Where a page asks for a server of its own. */
export const path = "/server"

/** The URL of a server that ends with the scope, or with the page. That there is none is a defect. */
export const ownServer: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new WebSocket(new URL(path, location.href.replace(/^http/, "ws")))),
  (socket) => Effect.sync(() => socket.close())
).pipe(
  Effect.flatMap((socket) =>
    Effect.callback<string>((resume) => {
      socket.addEventListener("message", ({ data }) => resume(Effect.succeed(String(data))))
      socket.addEventListener("close", () =>
        resume(Effect.die(new Error("no server was started; load the page again")))
      )
    })
  )
)
