/**
 * Below the WebSocket: the name and TLS.
 */
import * as Effect from "effect/Effect"
import { lookup } from "node:dns/promises"
import { connect as connectTcp, isIP } from "node:net"
import { connect as connectTls } from "node:tls"
import { excerpt } from "../../internal/redact.ts"
import { failed, ok, type Outcome, skipped, warning } from "./Check.ts"

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, "")
const portOf = (url: URL) => Number(url.port || (url.protocol === "wss:" ? 443 : 80))

export const checkName = (url: URL): Effect.Effect<Outcome> => {
  const host = hostOf(url)
  if (isIP(host) !== 0) return Effect.succeed(ok(`${host} is an address, there is no name to look up`))
  return Effect.tryPromise({ try: () => lookup(host, { all: true }), catch: codeOf }).pipe(
    Effect.map((found) => {
      const addresses = found.map(({ address }) => address)
      return ok(`${host} is ${addresses.join(", ")}`, { addresses })
    }),
    Effect.catch((code) =>
      Effect.succeed(failed(`${host} has no address here (${code}); check the spelling, and the name server`, { code }))
    )
  )
}

const isLoopback = (host: string) => host === "localhost" || host === "::1" || host.startsWith("127.")

export const checkTls = (url: URL): Effect.Effect<Outcome> => {
  const host = hostOf(url)
  if (url.protocol === "ws:") {
    return Effect.succeed(
      isLoopback(host)
        ? skipped("ws: is not encrypted, and need not be on this machine")
        : warning(
            "ws: is not encrypted: tokens and signalling can be read on the way; browsers refuse it from https pages"
          )
    )
  }
  return Effect.callback<Outcome>((resume) => {
    const socket = connectTls({ host, port: portOf(url), ...(isIP(host) === 0 ? { servername: host } : {}) })
    socket.setTimeout(10_000, () =>
      socket.destroy(new Error("no answer within 10 s; something on the way drops it, or the port is another one"))
    )
    socket.once("secureConnect", () => {
      const { issuer, valid_to: validTo } = socket.getPeerCertificate()
      const protocol = socket.getProtocol() ?? "TLS"
      resume(
        Effect.succeed(
          ok(`${protocol}, a certificate by ${issuer?.O ?? "somebody"} until ${validTo}`, { protocol, validTo })
        )
      )
      socket.destroy()
    })
    socket.once("error", (cause) =>
      resume(Effect.succeed(failed(explainTls(codeOf(cause), cause.message), { code: codeOf(cause) })))
    )
    return Effect.sync(() => socket.destroy())
  })
}

const explainTls = (code: string, message: string): string => {
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return "the certificate has expired; renew it at the server"
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
      return "the certificate is self-signed; use one that is trusted, or name your authority by NODE_EXTRA_CA_CERTS"
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return "the certificate is for another name"
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return "the server does not send the certificates between its own and a known authority"
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    // OpenSSL 3.5.3, in Node 24.9, takes the first bytes of plain text for a length.
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "what listens there speaks no TLS; is it a server for ws: and http:, or the wrong port?"
    case "ECONNREFUSED":
      return "nobody listens on the port"
    default:
      return `TLS failed: ${excerpt(message)}`
  }
}

/** Whether a TCP port accepts connections. */
export const opens = (host: string, port: number): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = connectTcp({ host, port })
    socket.setTimeout(5_000, () => socket.destroy(new Error("no answer within 5 s")))
    socket.once("connect", () => resume(Effect.succeed(true)))
    socket.once("error", () => resume(Effect.succeed(false)))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: 6_000, orElse: () => Effect.succeed(false) }))

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : String(cause)
