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
    /** The server has a request for this id already (M1). */
    readonly whenQueued: Effect.Effect<void>
  }) => Effect.Effect<TrackInfo, TrackErrorReason>
  /** Whether somebody waits for it. */
  readonly published: (response: TrackPublishedResponse) => boolean
  readonly awaits: (cid: string) => boolean
  readonly answered: (response: RequestResponse) => void
  /** The connection is gone on which the answers would come; what was not sent goes out on the next one. */
  readonly abortSent: () => void
  /** There will be no other connection. */
  readonly abort: () => void
}

interface Pending {
  readonly answer: Deferred.Deferred<TrackInfo, TrackErrorReason>
  readonly isQueued: () => boolean
  readonly queuedAtServer: Deferred.Deferred<void>
}

export const make = (): PendingTracks => {
  const pending = new Map<string, Pending>()
  const self = { isOver: false }
  const abort = (isOver: boolean) => {
    self.isOver ||= isOver
    for (const [cid, { answer, isQueued }] of pending) {
      const wasSent = !isQueued()
      if (wasSent || isOver) Deferred.doneUnsafe(answer, Effect.fail(new PublishAborted({ cid, wasSent })))
    }
  }

  return {
    await: ({ cid, isQueued, millis, send, whenQueued, withdraw }) =>
      Effect.acquireUseRelease(
        // Looked up and registered in one step: of two callers at once one is the second (S57).
        Effect.suspend((): Effect.Effect<Pick<Pending, "answer" | "queuedAtServer">, TrackErrorReason> => {
          if (pending.has(cid)) return Effect.fail(new DuplicateTrack({ cid }))
          // Nobody would answer.
          if (self.isOver) return Effect.fail(new PublishAborted({ cid, wasSent: false }))
          const answer = Deferred.makeUnsafe<TrackInfo, TrackErrorReason>()
          const queuedAtServer = Deferred.makeUnsafe<void>()
          pending.set(cid, { answer, isQueued, queuedAtServer })
          return Effect.succeed({ answer, queuedAtServer })
        }),
        ({ answer, queuedAtServer }) =>
          send.pipe(
            Effect.andThen(Deferred.await(answer)),
            Effect.raceFirst(
              Deferred.await(queuedAtServer).pipe(Effect.andThen(whenQueued), Effect.andThen(Effect.never))
            ),
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
      if (answer === undefined || track === undefined) return false
      Deferred.doneUnsafe(answer, Effect.succeed(track))
      return true
    },
    awaits: (cid) => pending.has(cid),
    answered: ({ message, reason, request }) => {
      if (request.case !== "addTrack") return
      const { cid } = request.value
      const found = pending.get(cid)
      if (found === undefined || reason === RequestResponse_Reason.OK) return
      const { answer, queuedAtServer } = found
      if (reason === RequestResponse_Reason.QUEUED) return void Deferred.doneUnsafe(queuedAtServer, Effect.void)
      Deferred.doneUnsafe(answer, Effect.fail(new PublishRefused({ cid, why: reason, detail: message })))
    },
    abortSent: () => abort(false),
    abort: () => abort(true)
  }
}
