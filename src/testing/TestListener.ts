/**
 * Where a client's dials arrive: the way over the network, the upgrade, and the room behind it.
 */
import { RegionSettings } from "@livekit/protocol"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type HttpAnswer, HttpGetError } from "../HttpGet.ts"
import * as JoinParameters from "../room/JoinParameters.ts"
import { Refusal } from "../room/Refusal.ts"
import type { RestartableRooms } from "../room/RestartableRooms.ts"
import * as SignalFormat from "../room/SignalFormat.ts"
import type { Frame } from "../room/SignalSocket.ts"
import type { Recorder } from "./History.ts"
import type { InMemoryWebSocket } from "./InMemoryWebSocket.ts"
import type { Link } from "./Link.ts"
import type { Decision, Desk, TestRequest } from "./TestRequest.ts"

/** Milliseconds after which a server finds out that a client is gone whose close did not get through. */
const keepAlive = 30_000

export interface TestListener {
  /** One dial from the first packet on; returns when its socket has ended. */
  readonly serve: (
    participant: string,
    signal: Link,
    url: URL,
    socket: InMemoryWebSocket
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly get: (
    signal: Link,
    url: URL,
    headers: Readonly<Record<string, string>>
  ) => Effect.Effect<HttpAnswer, HttpGetError>
}

export const make = (options: {
  readonly rooms: RestartableRooms
  readonly desk: Desk
  readonly history: Recorder
  readonly hasV1: boolean
  /** URLs of the regions, nearest first. */
  readonly regions: ReadonlyArray<string>
  readonly isReachable: (url: URL) => Effect.Effect<boolean>
}): TestListener => {
  const { desk, hasV1, history, isReachable, regions, rooms } = options

  const isRoute = (path: string, suffix: string) => path === `/rtc${suffix}` || (hasV1 && path === `/rtc/v1${suffix}`)
  const unknownRoute = Effect.fail(new Refusal({ status: 404, body: "404 page not found\n" }))
  const admit = Effect.fnUntraced(function* (request: JoinParameters.DialRequest, decision: Decision) {
    const server = yield* rooms.current
    if (decision._tag === "Reject") {
      // The room remembers it for who asks why.
      yield* server.faults.rejectNextDial(decision.status, decision.body)
      return { server, admission: yield* server.admit(request, undefined) }
    }
    const claims = yield* server.authenticate(request)
    if (!isRoute(request.path, "")) return yield* unknownRoute
    return { server, admission: yield* server.admit(request, claims) }
  })
  const validate = Effect.fnUntraced(function* (request: JoinParameters.DialRequest) {
    const server = yield* rooms.current
    const claims = yield* server.authenticate(request)
    if (!isRoute(request.path, "/validate")) return yield* unknownRoute
    yield* server.validate(request, claims)
  })

  const serve: TestListener["serve"] = Effect.fnUntraced(function* (participant, signal, url, socket) {
    const path = signal.open()
    const toServer = yield* path.up.reliable
    const toClient = yield* path.down.reliable
    const frames = yield* Queue.unbounded<Frame, Cause.Done>()
    const ended = yield* Latch.make(false)
    const over = () => {
      Queue.endUnsafe(frames)
      ended.openUnsafe()
    }
    const close = (code: number) => {
      Queue.endUnsafe(frames)
      toClient(() => {
        socket.closedByPeer(code, "")
        ended.openUnsafe()
      })
    }
    const send = (frame: Frame) => toClient(() => socket.receive(frame), frame.length)
    const isClosing = yield* Latch.make(false)
    socket.listen((frame) => {
      if (frame._tag === "Frame") {
        return toServer(() => void Queue.offerUnsafe(frames, frame.bytes), frame.bytes.length)
      }
      isClosing.openUnsafe()
      toServer(over)
    })
    yield* isClosing.await.pipe(
      Effect.andThen(Effect.sleep(keepAlive)),
      Effect.andThen(
        Effect.sync(() => {
          history.record("server", `finds that a socket of ${participant} is dead`)
          over()
        })
      ),
      Effect.forkScoped
    )
    // A client that gives up before its connection stands is not heard of.
    const hasGivenUp = () => socket.readyState !== 0
    const talk = Effect.gen(function* () {
      yield* path.roundTrip
      if (hasGivenUp()) return over()
      if (!(yield* isReachable(url))) {
        history.record("server", `does not listen at ${url.host} for ${participant}`)
        return close(1006)
      }
      yield* path.roundTrip
      if (hasGivenUp()) return over()
      const request = dialOf(url)
      const kind = yield* kindOf(request)
      history.record(participant, `asks to ${kind === "Join" ? "join" : "resume"} at ${url.host}${url.pathname}`)
      const decision = yield* desk.decide({ _tag: kind, participant, host: url.host, path: url.pathname })
      const answered = answerTo(decision)
      if (decision._tag === "Stall") return history.record("server", `${answered} ${participant}`)
      const { delay = 0, firstFrameDelay = 0, lastMessageSeq } = decision._tag === "Accept" ? decision.options : {}
      yield* Effect.sleep(delay)
      yield* admit(request, decision).pipe(
        Effect.flatMap(({ admission, server }) => {
          history.record("server", `${answered} ${participant}`)
          toClient(() => socket.opened())
          if (decision._tag === "Leave") {
            send(SignalFormat.encode("protobuf", { case: "leave", value: decision.leave }))
            close(1000)
            return server.faults.leave(admission.claims.identity, decision.leave)
          }
          const isSilent = admission.isSilent || decision._tag === "Silence"
          return Effect.andThen(
            Effect.sleep(firstFrameDelay),
            server.accept(
              { ...admission, isSilent, lastMessageSeq },
              { frames, send, close, destroy: () => close(1006) }
            )
          )
        }),
        Effect.catch(({ body, status }) =>
          Effect.sync(() => {
            history.record("server", `refuses ${participant} with ${status} ${body}`)
            close(1006)
          })
        )
      )
    })
    yield* Effect.raceFirst(Effect.andThen(talk, Effect.never), ended.await)
  })

  const answer = Effect.fnUntraced(function* (url: URL, authorization: string | undefined) {
    const request = { ...dialOf(url), authorization }
    if (url.pathname !== "/settings/regions" || regions.length === 0) {
      yield* validate(request)
      return "success"
    }
    yield* Effect.flatMap(rooms.current, ({ authenticate }) => authenticate(request))
    return new RegionSettings({
      regions: regions.map((region) => ({ region: new URL(region).host, url: region }))
    }).toJsonString()
  })

  return {
    serve,
    get: Effect.fnUntraced(function* (signal, url, headers) {
      yield* signal.open().roundTrip
      if (!(yield* isReachable(url))) {
        return yield* new HttpGetError({ cause: new Error(`nobody listens at ${url.host}`) })
      }
      return yield* Effect.match(answer(url, headers["authorization"] ?? headers["Authorization"]), {
        onSuccess: (body) => ({ status: 200, body, cacheControl: undefined }),
        onFailure: ({ body, status }) => ({ status, body, cacheControl: undefined })
      })
    })
  }
}

const dialOf = (url: URL): JoinParameters.DialRequest => ({
  path: url.pathname,
  query: url.searchParams,
  authorization: undefined
})

/** What cannot be read is no resume; the room says what is wrong with it. */
const kindOf = (request: JoinParameters.DialRequest): Effect.Effect<TestRequest["_tag"]> =>
  JoinParameters.parse(request, { isStrict: false, gunzip: () => Effect.fail("Unreadable") }).pipe(
    Effect.match({ onFailure: () => "Join", onSuccess: ({ isResume }) => (isResume ? "Resume" : "Join") })
  )

const answerTo = (decision: Decision): string => {
  switch (decision._tag) {
    case "Accept":
      return "opens for"
    case "Reject":
      return `answers ${decision.status} to`
    case "Leave":
      return "opens and says leave to"
    case "Stall":
      return "does not answer"
    case "Silence":
      return "opens and says nothing to"
  }
}
