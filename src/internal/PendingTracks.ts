/**
 * Tracks of which the server is to say that they are published, by client id (S53-S60).
 */
import {
  type RequestResponse,
  RequestResponse_Reason,
  type TrackInfo,
  type TrackPublishedResponse
} from "@livekit/protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { DuplicateTrack, PublishAborted, PublishRefused, PublishTimeout, type TrackErrorReason } from "../TrackError.ts"

export interface PendingTracks {
  /**
   * Registers a client id, runs `send`, and waits for the server's word. However it ends, the id is free again afterwards.
   */
  readonly await: (options: {
    readonly cid: string
    readonly millis: number
    readonly send: Effect.Effect<void>
    /** Whether what was sent still waits for a connection. */
    readonly isQueued: () => boolean
    /** What was sent is to be taken back, if it can be. */
    readonly withdraw: Effect.Effect<void>
  }) => Effect.Effect<TrackInfo, TrackErrorReason>
  readonly published: (response: TrackPublishedResponse) => void
  readonly answered: (response: RequestResponse) => void
  /** The connection is gone on which the answers would come; what was not sent goes out on the next one. */
  readonly abortSent: () => void
  /** There will be no other connection. */
  readonly abort: () => void
}

interface Pending {
  readonly answer: Deferred.Deferred<TrackInfo, TrackErrorReason>
  readonly isQueued: () => boolean
}

export const make = (): PendingTracks => {
  const pending = new Map<string, Pending>()
  const abort = (isOver: boolean) => {
    for (const [cid, { answer, isQueued }] of pending) {
      const wasSent = !isQueued()
      if (wasSent || isOver) Deferred.doneUnsafe(answer, Effect.fail(new PublishAborted({ cid, wasSent })))
    }
  }

  return {
    await: ({ cid, isQueued, millis, send, withdraw }) =>
      Effect.acquireUseRelease(
        // Looked up and registered in one step: of two callers at once one is the second (S57).
        Effect.suspend(() => {
          if (pending.has(cid)) return Effect.fail(new DuplicateTrack({ cid }))
          const answer = Deferred.makeUnsafe<TrackInfo, TrackErrorReason>()
          pending.set(cid, { answer, isQueued })
          return Effect.succeed(answer)
        }),
        (answer) =>
          send.pipe(
            Effect.andThen(Deferred.await(answer)),
            Effect.timeoutOrElse({
              duration: millis,
              orElse: () => Effect.fail(new PublishTimeout({ cid, millis }))
            })
          ),
        // Also after a timeout or an interruption, so that neither spoils the next attempt (S56), nor publishes late.
        () =>
          Effect.andThen(
            Effect.sync(() => pending.delete(cid)),
            withdraw
          )
      ),
    published: ({ cid, track }) => {
      const answer = pending.get(cid)?.answer
      if (answer === undefined || track === undefined) return
      Deferred.doneUnsafe(answer, Effect.succeed(track))
    },
    answered: ({ message, reason, request }) => {
      if (request.case !== "addTrack") return
      if (reason === RequestResponse_Reason.OK || reason === RequestResponse_Reason.QUEUED) return
      const { cid } = request.value
      const answer = pending.get(cid)?.answer
      if (answer === undefined) return
      Deferred.doneUnsafe(answer, Effect.fail(new PublishRefused({ cid, why: reason, detail: message })))
    },
    abortSent: () => abort(false),
    abort: () => abort(true)
  }
}
