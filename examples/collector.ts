/**
 * A collector of OpenTelemetry data in this process, for examples: it keeps what it gets over OTLP/HTTP and prints the names.
 */
import { Effect, Predicate } from "effect"
import { createServer } from "node:http"

interface Found {
  readonly traces: Set<string>
  readonly metrics: Set<string>
  readonly logs: Set<string>
}

/** Attributes as `key=value`, sorted; of OTLP's JSON encoding. */
const attributesOf = (item: object): string => {
  if (!Predicate.hasProperty(item, "attributes") || !Array.isArray(item.attributes)) return ""
  const pairs = item.attributes.flatMap(({ key, value }) =>
    /^(livekit|server|error)\./.test(key) ? [`${key}=${Object.values(value)[0]}`] : []
  )
  return pairs.length === 0 ? "" : ` {${pairs.toSorted().join(", ")}}`
}

/** Every object in a JSON document. */
const objects = function* (value: unknown): Generator<object> {
  if (Array.isArray(value)) for (const each of value) yield* objects(each)
  else if (Predicate.isObject(value)) {
    yield value
    for (const each of Object.values(value)) yield* objects(each)
  }
}

const take = (path: string | undefined, body: string, found: Found) => {
  for (const item of objects(JSON.parse(body))) {
    if (path?.endsWith("/v1/traces") && Predicate.hasProperty(item, "spanId") && Predicate.hasProperty(item, "name")) {
      found.traces.add(`${item.name}${attributesOf(item)}`)
    }
    if (path?.endsWith("/v1/metrics") && Predicate.hasProperty(item, "unit") && Predicate.hasProperty(item, "name")) {
      if (String(item.name).startsWith("livekit.")) found.metrics.add(String(item.name))
    }
    if (
      path?.endsWith("/v1/logs") &&
      Predicate.hasProperty(item, "severityText") &&
      Predicate.hasProperty(item, "body")
    ) {
      const text = Predicate.hasProperty(item.body, "stringValue") ? item.body.stringValue : ""
      found.logs.add(`${item.severityText} ${text}${attributesOf(item)}`)
    }
  }
}

/** Starts one, unless there is one at `endpoint`. */
export const collector = Effect.fnUntraced(function* (endpoint: string | undefined) {
  if (endpoint !== undefined) return { baseUrl: endpoint, print: Effect.void }
  const found: Found = { traces: new Set(), metrics: new Set(), logs: new Set() }
  const port = yield* Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk) => chunks.push(chunk))
        request.on("end", () => {
          take(request.url, Buffer.concat(chunks).toString("utf8"), found)
          response.writeHead(200, { "content-type": "application/json" }).end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") throw new Error("the collector has no port")
        resume(
          Effect.succeed({
            port: address.port,
            close: () => {
              server.closeAllConnections()
              server.close()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ port }) => port))
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    print: Effect.sync(() => {
      for (const [name, lines] of Object.entries(found)) {
        console.log(name)
        for (const line of [...lines].toSorted()) console.log(`  ${line}`)
      }
    })
  }
})
