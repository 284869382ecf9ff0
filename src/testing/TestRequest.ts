/**
 * A dial of a client as a value: the test decides what becomes of it.
 */
import type { LeaveRequest } from "@livekit/protocol"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"

/**
 * What the server answers.
 *
 * @category models
 */
export interface AcceptOptions {
  /**
   * What a resume is told the server has of the client's reliable packets. The server forgets what came after, so that what is
   * replayed is new to it. Default: what it has.
   */
  readonly lastMessageSeq?: number | undefined
  /** Time until the socket opens. Default none. */
  readonly delay?: Duration.Input | undefined
  /** Time from the open socket to the server's first message. Default none. */
  readonly firstFrameDelay?: Duration.Input | undefined
}

/**
 * What becomes of a dial.
 *
 * @category models
 */
export type Decision =
  | { readonly _tag: "Accept"; readonly options: AcceptOptions }
  | { readonly _tag: "Reject"; readonly status: number; readonly body: string }
  | { readonly _tag: "Leave"; readonly leave: LeaveRequest }
  | { readonly _tag: "Stall" }
  | { readonly _tag: "Silence" }

/**
 * A client's wish to join, or to take its session up again. It waits until the test has decided; the first decision counts.
 *
 * @category models
 */
export interface TestRequest {
  readonly _tag: "Join" | "Resume"
  /** Whose engine it is: the name given to `TestRTCEngine`. */
  readonly participant: string
  readonly host: string
  /** `/rtc` or `/rtc/v1`. */
  readonly path: string
  /** Lets the room answer, which may refuse it for its own reasons. */
  readonly accept: (options?: AcceptOptions) => Effect.Effect<void>
  /** Answers with an HTTP status and no upgrade, and says the same to who asks the validate route why. */
  readonly reject: (status: number, body?: string) => Effect.Effect<void>
  /** Opens the socket, says this leave first, and closes. The session is over unless its action is `RESUME`. */
  readonly leave: (leave: LeaveRequest) => Effect.Effect<void>
  /** Never answers. */
  readonly stall: Effect.Effect<void>
  /** Opens the socket and says nothing. */
  readonly silence: Effect.Effect<void>
}

/**
 * Where dials wait for the test.
 *
 * @category models
 */
export interface Desk {
  /** From now on dials wait. */
  readonly hold: Effect.Effect<void>
  /** Lets those that wait go on, and all that come. */
  readonly release: Effect.Effect<void>
  readonly take: Effect.Effect<TestRequest>
  /** Where a dial learns what becomes of it. */
  readonly decide: (dial: Pick<TestRequest, "_tag" | "host" | "participant" | "path">) => Effect.Effect<Decision>
}

const accepted: Decision = { _tag: "Accept", options: {} }

/**
 * A desk that holds nothing back.
 *
 * @category constructors
 */
export const make: Effect.Effect<Desk> = Effect.gen(function* () {
  const isHolding = yield* Ref.make(false)
  const waiting = yield* Queue.unbounded<TestRequest>()
  return {
    hold: Ref.set(isHolding, true),
    release: Effect.gen(function* () {
      yield* Ref.set(isHolding, false)
      for (const request of yield* Queue.clear(waiting)) yield* request.accept()
    }),
    take: Queue.take(waiting),
    decide: Effect.fnUntraced(function* (dial) {
      if (!(yield* Ref.get(isHolding))) return accepted
      const decided = yield* Deferred.make<Decision>()
      const decide = (decision: Decision) => Effect.asVoid(Deferred.succeed(decided, decision))
      yield* Queue.offer(waiting, {
        ...dial,
        accept: (options = {}) => decide({ _tag: "Accept", options }),
        reject: (status, body = "") => decide({ _tag: "Reject", status, body }),
        leave: (leave) => decide({ _tag: "Leave", leave }),
        stall: decide({ _tag: "Stall" }),
        silence: decide({ _tag: "Silence" })
      })
      return yield* Deferred.await(decided)
    })
  }
})
