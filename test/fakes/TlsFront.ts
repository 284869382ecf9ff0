/**
 * TLS in front of a server on this machine, and the list of regions that the server itself has not.
 */
import { Effect, type Scope } from "effect"
import { readFileSync } from "node:fs"
import { request as get } from "node:http"
import { createServer } from "node:https"
import { connect } from "node:net"
import { join } from "node:path"

const files = join(import.meta.dirname, "tls")

/** Who trusts it trusts {@link make}; give it to a process as NODE_EXTRA_CA_CERTS. */
export const certificate = (name: "localhost" | "expired") => join(files, `${name}.crt`)

export interface Region {
  readonly region: string
  readonly url: string
}

/** The port of `https://localhost`. */
export const make = (
  target: string,
  options: { readonly certificate?: "localhost" | "expired"; readonly regions?: ReadonlyArray<Region> } = {}
): Effect.Effect<number, never, Scope.Scope> => {
  const { hostname, port } = new URL(target)
  const key = readFileSync(join(files, "localhost.key"))
  const cert = readFileSync(certificate(options.certificate ?? "localhost"))
  const front = createServer({ key, cert }, ({ headers, url: path = "" }, response) => {
    if (path === "/settings/regions" && options.regions !== undefined) {
      return response.end(JSON.stringify({ regions: options.regions }))
    }
    return get({ hostname, port, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    }).end()
  })
  front.on("upgrade", ({ headers, url: path }, client) => {
    const server = connect(Number(port), hostname)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
    server.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`)
    client.pipe(server).pipe(client)
    client.on("close", () => server.destroy()).on("error", () => server.destroy())
    server.on("close", () => client.destroy()).on("error", () => client.destroy())
  })
  front.on("tlsClientError", () => {})
  return Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      front.listen(0, "localhost", () => {
        const address = front.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.sync(() => {
        front.close()
        front.closeAllConnections()
      })
  )
}
