/**
 * Development servers that a page can start, use and trouble. A page has no other way to reach into this process, so each
 * control is a POST with JSON in and JSON out.
 */
import { DisconnectReason, LeaveRequest, LeaveRequest_Action } from "@livekit/protocol"
import { Effect, Exit, FiberSet, Redacted, Scope } from "effect"
import { AccessToken, DevServer } from "effect-livekit/dev-server"
import { NodeDataChannel } from "effect-livekit/node"
import { WrtcPeerConnection } from "effect-livekit/wrtc"
import { RoomServiceClient } from "livekit-server-sdk"
import type { IncomingMessage, ServerResponse } from "node:http"
import { json } from "node:stream/consumers"
import * as MediaRelay from "./MediaRelay.ts"

/** The WebRTC of a server: with ICE restart (wrtc) and without. */
const runtimes = { wrtc: WrtcPeerConnection.layer, "node-datachannel": NodeDataChannel.layer }

interface OfServer {
  /** The URL that `start` gave. */
  readonly url: string
}

/** What a page can ask for, and what it gets. */
export interface Controls {
  readonly start: (options: DevServer.DevServerOptions & { readonly runtime: keyof typeof runtimes }) => string
  readonly stop: (options: OfServer) => null
  readonly token: (options: OfServer & AccessToken.TokenOptions) => string
  readonly participants: (options: OfServer & { readonly room: string }) => ReadonlyArray<string>
  /** Ends the signal connection of a participant, without a close frame. */
  readonly dropSignal: (options: OfServer & { readonly identity: string }) => null
  /** Sends a participant away. */
  readonly remove: (options: OfServer & { readonly identity: string; readonly room: string }) => null
  /** Has a participant join anew. */
  readonly startOver: (options: OfServer & { readonly identity: string }) => null
  /** The address by which a participant is to reach a server's, so that its media can be blocked. */
  readonly relay: (
    options: OfServer & { readonly participant: string; readonly server: MediaRelay.Address }
  ) => MediaRelay.Address
  readonly blockMedia: (options: OfServer & { readonly participant: string; readonly isBlocked: boolean }) => null
  /** Ends the server and its sessions without a word, and starts it again some milliseconds later. */
  readonly restart: (options: OfServer & { readonly downFor: number }) => null
}

type Handlers = {
  readonly [Name in keyof Controls]: (
    options: Parameters<Controls[Name]>[0]
  ) => Effect.Effect<ReturnType<Controls[Name]>, unknown>
}

/** A LiveKit server that is there already: it gives tokens and sends away, and takes no other troubles. */
export interface ExistingServer extends AccessToken.ApiKey {
  readonly url: string
}

/** The server that LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET name. */
export const existingServer = (environment: NodeJS.ProcessEnv): ExistingServer | undefined => {
  const { LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret, LIVEKIT_URL: url } = environment
  return url === undefined || apiKey === undefined || apiSecret === undefined ? undefined : { url, apiKey, apiSecret }
}

const roomService = ({ apiKey, apiSecret, url }: ExistingServer) =>
  new RoomServiceClient(url.replace(/^ws/, "http"), apiKey, apiSecret)

const removal = new LeaveRequest({
  reason: DisconnectReason.PARTICIPANT_REMOVED,
  action: LeaveRequest_Action.DISCONNECT
})

const startOver = new LeaveRequest({ action: LeaveRequest_Action.RECONNECT })

export const make = Effect.fnUntraced(function* (existing?: ExistingServer) {
  const scope = yield* Effect.scope
  const fork = yield* FiberSet.makeRuntime()
  const servers = new Map<
    string,
    {
      readonly server: DevServer.DevServer["Service"]
      readonly relay: MediaRelay.MediaRelay
      readonly scope: Scope.Closeable
    }
  >()
  const find = ({ url }: OfServer) =>
    Effect.suspend(() => {
      const found = servers.get(url)
      return found === undefined ? Effect.die(`there is no server at ${url}`) : Effect.succeed(found)
    })
  /** Starts a server that ends with the scope, or when it is stopped. */
  const open = Effect.fnUntraced(function* ({ runtime, ...options }: Parameters<Controls["start"]>[0]) {
    const own = yield* Scope.fork(yield* Effect.scope)
    const server = yield* DevServer.make(options).pipe(Effect.provide(runtimes[runtime]), Scope.provide(own))
    servers.set(server.url, { server, relay: yield* Scope.provide(MediaRelay.make, own), scope: own })
    yield* Scope.addFinalizer(
      own,
      Effect.sync(() => servers.delete(server.url))
    )
    return server.url
  })

  const handlers: Handlers = {
    start: (options) => Scope.provide(open(options), scope),
    stop: (options) => Effect.flatMap(find(options), (found) => Effect.as(Scope.close(found.scope, Exit.void), null)),
    token: (options) =>
      (options.url === existing?.url
        ? AccessToken.issue(existing, options)
        : Effect.flatMap(find(options), ({ server }) => server.token(options))
      ).pipe(Effect.map(Redacted.value)),
    participants: (options) => Effect.flatMap(find(options), ({ server }) => server.participants(options.room)),
    dropSignal: (options) =>
      Effect.flatMap(find(options), ({ server }) => Effect.as(server.faults.dropSignal(options.identity), null)),
    remove: ({ identity, room, url }) =>
      (existing !== undefined && url === existing.url
        ? Effect.promise(() => roomService(existing).removeParticipant(room, identity))
        : Effect.flatMap(find({ url }), ({ server }) => server.faults.leave(identity, removal))
      ).pipe(Effect.as(null)),
    startOver: (options) =>
      Effect.flatMap(find(options), ({ server }) => Effect.as(server.faults.leave(options.identity, startOver), null)),
    relay: (options) =>
      Effect.flatMap(find(options), ({ relay }) => relay.replace(options.participant, options.server)),
    blockMedia: (options) =>
      Effect.flatMap(find(options), ({ relay }) =>
        Effect.as(relay.setBlocked(options.participant, options.isBlocked), null)
      ),
    restart: Effect.fnUntraced(function* (options) {
      const { faults } = (yield* find(options)).server
      yield* faults.stop
      yield* Effect.forkIn(Effect.andThen(Effect.sleep(options.downFor), faults.start), scope)
      return null
    })
  }

  /** Answers the requests that are for a control; says of others that they are not. */
  const answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const name = /^\/control\/(\w+)$/.exec(request.url ?? "")?.[1] ?? ""
    if (request.method !== "POST" || !isControl(name)) return false
    // `start` chooses among the handlers by name; each takes what its control takes, as the page's own code is typed to send.
    const handle = handlers[name] as (options: unknown) => Effect.Effect<unknown, unknown>
    fork(
      Effect.promise(() => json(request)).pipe(
        Effect.flatMap(handle),
        Effect.matchCause({
          onFailure: (cause) => void response.writeHead(500, headers).end(JSON.stringify(String(cause))),
          onSuccess: (result) => void response.writeHead(200, headers).end(JSON.stringify(result))
        })
      )
    )
    return true
  }
  return { answer, open }

  function isControl(name: string): name is keyof Controls {
    return Object.hasOwn(handlers, name)
  }
})

/** Pages of other ports use the controls too; they listen on loopback and know nothing worth keeping. */
const headers = { "content-type": "application/json", "access-control-allow-origin": "*" }
