/**
 * An established signal connection: what the server answered first, its messages, pings, and its end as a value.
 */
import { type JoinResponse, Ping, type ReconnectResponse, type SignalResponse } from "@livekit/protocol"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import type * as Scope from "effect/Scope"
import * as LastHeard from "./internal/LastHeard.ts"
import type { SignalSocket } from "./internal/SignalSocket.ts"
import { readFrame } from "./internal/readFrame.ts"
import { encode, type SignalRequest } from "./SignalRequest.ts"
import type { SignalPath } from "./SignalUrl.ts"

/**
 * How a signal connection ended. `Closed` is any close, clean ones too (W4: the code carries no meaning).
 *
 * @category models
 */
export type SignalEnd =
  | { readonly _tag: "Closed"; readonly code: number; readonly why: string }
  | { readonly _tag: "PingTimeout" }

/**
 * What can come out of a signal connection: a message, or a frame that could not be read.
 *
 * @category models
 */
export type Incoming =
  | { readonly _tag: "Message"; readonly message: Exclude<SignalResponse["message"], { case: undefined }> }
  | { readonly _tag: "Malformed"; readonly size: number; readonly cause: unknown }

/**
 * What the server said first (W1). `Resumed` without a response is an old server that answers a resume with any message (SC5).
 *
 * @category models
 */
export type Handshake =
  | { readonly _tag: "Joined"; readonly response: JoinResponse }
  | { readonly _tag: "Resumed"; readonly response: ReconnectResponse | undefined }

/**
 * Seconds as the server gives them in the join response (SC11); 0 turns pings off (SC17).
 *
 * @category models
 */
export interface PingSettings {
  readonly interval: number
  readonly timeout: number
}

/**
 * A signal connection. It lives in the scope it was made in; closing the scope closes the socket with 1000.
 *
 * @category models
 */
export interface SignalConnection {
  readonly path: SignalPath
  readonly handshake: Handshake
  /** The ping settings in force, to be handed to a later resume (SC12). */
  readonly ping: PingSettings
  /**
   * What came after the handshake, in order, from the first message on: nothing is handed out before somebody takes, which is
   * the gate of S27 and SC13. Ends when the connection does.
   */
  readonly incoming: Queue.Dequeue<Incoming, Cause.Done>
  /** Completes when the socket has ended. Messages that came before may still be in `incoming`. */
  readonly end: Effect.Effect<SignalEnd>
  /** Writes a request. False when the socket is not open. */
  readonly sendUnsafe: (request: SignalRequest) => boolean
  /** Milliseconds of the last round trip, once known (SC18). */
  readonly rtt: Effect.Effect<Option.Option<number>>
  /**
   * Milliseconds on the Clock of the latest frame; of the last one before a silence that was longer than pings allow, if there was
   * one within `inDoubtWindow`: a machine that slept hears of nothing until it wakes, and then perhaps of the server first.
   */
  readonly heardUntil: () => number
  /** Asks for a sign of life; false when none came in time. Nothing is closed for it. */
  readonly probe: Effect.Effect<boolean>
}

/**
 * Milliseconds by which a timer may be late before that says that the program did not run: a tab was frozen or throttled, or the
 * machine slept.
 */
const lateness = 2_000

/** Builds the connection around a socket whose handshake is done. Not for applications. */
export const make = (options: {
  readonly socket: SignalSocket
  readonly path: SignalPath
  readonly handshake: Handshake
  readonly ping: PingSettings
  /** Milliseconds for the answer to a probe, and to the first ping after the program did not run. */
  readonly probeTimeout: number
  /** Milliseconds of signs of life after which a silence counts no more. */
  readonly inDoubtWindow: number
  /** A first message that is to be handled like any other (SC5). */
  readonly first: Incoming | undefined
}): Effect.Effect<SignalConnection, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const { socket } = options
    const incoming = yield* Queue.unbounded<Incoming, Cause.Done>()
    const deadline = yield* FiberHandle.make<void>()
    const rtt = yield* Ref.make(Option.none<number>())
    const end = yield* Deferred.make<SignalEnd>()
    let heard = LastHeard.make(clock.currentTimeMillisUnsafe())
    const limits = {
      longestSilence: (options.ping.interval + options.ping.timeout) * 1000,
      settled: options.inDoubtWindow
    }
    if (options.first !== undefined) Queue.offerUnsafe(incoming, options.first)

    const life = yield* Latch.make(true)

    const receive = Effect.gen(function* () {
      const frame = yield* Queue.take(socket.frames)
      heard = LastHeard.hear(heard, clock.currentTimeMillisUnsafe(), limits)
      // Any sign of life counts, not only a pong.
      yield* FiberHandle.clear(deadline)
      yield* life.open
      if (frame === "text") return
      const read = readFrame(frame)
      if (read._tag === "Message") {
        if (read.message.case === "pong") return
        if (read.message.case === "pongResp") {
          const sent = Number(read.message.value.lastPingTimestamp)
          return yield* Ref.set(rtt, Option.some(Math.floor(clock.currentTimeMillisUnsafe() - sent)))
        }
      }
      Queue.offerUnsafe(incoming, read)
    })

    yield* receive.pipe(
      Effect.forever,
      Effect.catchTag("SocketEnded", ({ code, why }) => Deferred.succeed(end, { _tag: "Closed", code, why })),
      Effect.andThen(Queue.end(incoming)),
      Effect.forkScoped
    )

    const sendUnsafe = (request: SignalRequest) => socket.sendUnsafe(encode(request))
    const ask = Effect.gen(function* () {
      // A Clock may count parts of milliseconds.
      const now = BigInt(Math.floor(clock.currentTimeMillisUnsafe()))
      sendUnsafe({ case: "ping", value: now })
      const lastRtt = Option.getOrElse(yield* Ref.get(rtt), () => 0)
      sendUnsafe({ case: "pingReq", value: new Ping({ timestamp: now, rtt: BigInt(lastRtt) }) })
    })
    /** Whether the end of the sleep came late. */
    const sleep = (millis: number) =>
      Effect.suspend(() => {
        const due = clock.currentTimeMillisUnsafe() + millis
        return Effect.map(Effect.sleep(millis), () => clock.currentTimeMillisUnsafe() - due > lateness)
      })
    const expire = Effect.fnUntraced(function* (millis: number) {
      // What holds back a timer holds back the answer too, so it is asked for again, once.
      if (yield* sleep(millis)) yield* Effect.andThen(ask, sleep(millis))
      yield* Deferred.succeed(end, { _tag: "PingTimeout" })
      socket.closeUnsafe(pingTimeoutCode, "Ping timeout")
    })
    const ping = Effect.gen(function* () {
      const hasSlept = yield* sleep(options.ping.interval * 1000)
      yield* ask
      const timeout = hasSlept ? options.probeTimeout : options.ping.timeout * 1000
      yield* FiberHandle.run(deadline, expire(timeout), { onlyIfMissing: true })
    })
    if (options.ping.interval > 0) yield* Effect.forkScoped(Effect.forever(ping))

    return {
      path: options.path,
      handshake: options.handshake,
      ping: options.ping,
      incoming,
      end: Deferred.await(end),
      sendUnsafe,
      rtt: Ref.get(rtt),
      heardUntil: () => LastHeard.until(heard),
      probe: life.close.pipe(
        Effect.andThen(ask),
        Effect.andThen(life.await),
        Effect.as(true),
        Effect.timeoutOrElse({ duration: options.probeTimeout, orElse: () => Effect.succeed(false) })
      )
    }
  })

/** Close code for a server that stopped answering pings (SC20). */
export const pingTimeoutCode = 3000
